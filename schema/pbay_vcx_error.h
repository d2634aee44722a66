/* The error codes of libvcx that callers of a VCX connection know. */
#ifndef PBAY_VCX_ERROR_H
#define PBAY_VCX_ERROR_H

/* X(name, number, what it means to a human) */
#define PBAY_VCX_ERRORS(X)                                                          \
    X(UNKNOWN, 1001, "Unknown Error")                                               \
    X(CONNECT, 1002, "Error with Connection")                                       \
    X(HANDLE, 1003, "Invalid Connection Handle")                                    \
    X(NOT_READY, 1005, "Object not ready for specified action")                     \
    X(OPTION, 1007, "Invalid Option")                                               \
    X(DID, 1008, "Invalid DID")                                                     \
    X(VERKEY, 1009, "Invalid VERKEY")                                               \
    X(POST, 1010, "Message failed in post")                                         \
    X(JSON, 1016, "Invalid JSON string")                                            \
    X(INVITE, 1045, "Invalid invite details structure")                             \
    X(SERIALIZE, 1050, "Unable to serialize/deserialize object")                    \
    X(DELETE, 1060, "Unable to delete connection")                                  \
    X(WALLET, 1062, "Error with wallet setup: it does not match the configuration") \
    X(ACCESS, 1075, "Attempt to open wallet with invalid credentials")              \
    X(STATE, 1081, "Object is in invalid state for requested operation")            \
    X(ACTION, 1103, "Action is not supported")

enum pbay_vcx_error {
    PBAY_VCX_OK = 0,
#define PBAY_VCX_ERROR_ENUM(name, number, text) PBAY_VCX_E_##name = number,
    PBAY_VCX_ERRORS(PBAY_VCX_ERROR_ENUM)
#undef PBAY_VCX_ERROR_ENUM
};

#endif
