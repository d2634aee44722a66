#include "connections/tcp_server/tcp_server.h"

int main(int argc, char **argv)
{
    return pbay_conn_main(argc, argv, &tcp_server_ops);
}
