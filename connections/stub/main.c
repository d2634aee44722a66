#include "connections/stub/stub.h"

int main(int argc, char **argv)
{
    return pbay_conn_main(argc, argv, &stub_ops);
}
