#include "connections/local/local.h"

int main(int argc, char **argv)
{
    return pbay_conn_main(argc, argv, &local_ops);
}
