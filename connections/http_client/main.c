#include "connections/http_client/http_client.h"

int main(int argc, char **argv)
{
    return pbay_conn_main(argc, argv, &http_client_ops);
}
