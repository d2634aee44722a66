#include "connections/tcp_client/tcp_client.h"

int main(int argc, char **argv)
{
    return pbay_conn_main(argc, argv, &tcp_client_ops);
}
