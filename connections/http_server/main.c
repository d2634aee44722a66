#include "connections/http_server/http_server.h"

int main(int argc, char **argv)
{
    return pbay_conn_main(argc, argv, &http_server_ops);
}
