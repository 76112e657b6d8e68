package cage

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_AARCH64

// allowed are the system calls of the Go runtime and of reading and writing
// descriptors that are open already.
var allowed = common
