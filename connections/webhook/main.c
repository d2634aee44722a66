#include "connections/webhook/webhook.h"

int main(int argc, char **argv)
{
    return pbay_conn_main(argc, argv, &webhook_ops);
}
