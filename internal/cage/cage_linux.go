// Package cage locks the calling process in: it can compute on what it has
// open and nothing else. No file can be opened, no socket made, no program
// started, no other process touched. Used by the process that reads hostile
// bytes, before it reads the first one.
//
// The locks are landlock (kernel 5.13 and later) for the file system, a
// seccomp filter that lists the system calls the Go runtime needs, resource
// limits, and no_new_privs. Each must succeed: Enter fails closed.
package cage

import (
	"fmt"
	"runtime"
	"unsafe"

	"github.com/landlock-lsm/go-landlock/landlock"
	"golang.org/x/sys/unix"
)

// addressSpace is the backstop against a runaway decoder, far above what the
// engine's own budgets allow.
const addressSpace = 64 << 30

// Enter locks the process in. It can't be undone.
func Enter() error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no_new_privs: %w", err)
	}
	limits := map[int]uint64{unix.RLIMIT_CORE: 0}
	if !raceEnabled {
		limits[unix.RLIMIT_AS] = addressSpace
	}
	for _, res := range []int{unix.RLIMIT_CORE, unix.RLIMIT_AS} {
		n, ok := limits[res]
		if !ok {
			continue
		}
		if err := unix.Setrlimit(res, &unix.Rlimit{Cur: n, Max: n}); err != nil {
			return fmt.Errorf("rlimit %d: %w", res, err)
		}
	}
	if err := landlock.V1.RestrictPaths(); err != nil {
		return fmt.Errorf("landlock: %w", err)
	}
	return seccomp()
}

// seccomp installs the filter on all threads: a system call that is not
// listed fails with EPERM. A new thread may be made, a new process not.
func seccomp() error {
	const (
		offNr, offArch, offArg0 = 0, 4, 16
		ret                     = unix.BPF_RET | unix.BPF_K
		load                    = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		jeq                     = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		jset                    = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
		allow                   = unix.SECCOMP_RET_ALLOW
		kill                    = unix.SECCOMP_RET_KILL_PROCESS
		deny                    = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	)
	prog := []unix.SockFilter{
		{Code: load, K: offArch},
		{Code: jeq, K: auditArch, Jt: 1},
		{Code: ret, K: kill},
		{Code: load, K: offNr},
		{Code: jeq, K: uint32(unix.SYS_CLONE), Jf: 4},
		{Code: load, K: offArg0},
		{Code: jset, K: unix.CLONE_THREAD, Jf: 1},
		{Code: ret, K: allow},
		{Code: ret, K: deny},
		// clone3 hides its flags behind a pointer; the runtime falls back.
		{Code: jeq, K: uint32(unix.SYS_CLONE3), Jf: 1},
		{Code: ret, K: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)},
	}
	for _, nr := range allowed {
		prog = append(prog, unix.SockFilter{Code: jeq, K: uint32(nr), Jf: 1}, unix.SockFilter{Code: ret, K: allow})
	}
	prog = append(prog, unix.SockFilter{Code: ret, K: deny})
	fprog := unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&fprog)))
	runtime.KeepAlive(prog)
	if errno != 0 {
		return fmt.Errorf("seccomp: %w", errno)
	}
	return nil
}
