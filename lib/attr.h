/* Attributes the compiler checks for us. */
#ifndef KILN_ATTR_H
#define KILN_ATTR_H

#define KILN_MUST __attribute__((warn_unused_result))
#define KILN_PRINTF(fmt, arg) __attribute__((format(printf, fmt, arg)))
#define KILN_NORETURN __attribute__((noreturn))
#define KILN_UNUSED __attribute__((unused))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
