#include "connections/prometheus/prometheus.h"

int main(int argc, char **argv)
{
    return pbay_conn_main(argc, argv, &prometheus_ops);
}
