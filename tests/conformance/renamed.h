/* Put before the sources of a package: its main becomes a function that the suite calls to be given its ops. */
#ifndef CONFORMANCE_RENAMED_H
#define CONFORMANCE_RENAMED_H

#define main package_main

int main(int argc, char **argv);

#endif
