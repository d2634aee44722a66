#include "connections/vcx/vcx_main.h"

int main(int argc, char **argv)
{
    return pbay_conn_main(argc, argv, &vcx_ops);
}
