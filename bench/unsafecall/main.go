// Command unsafecall measures how exactly calls of imported functions are
// counted in stripped programs: dropbear, busybox and ninja (C++), from
// Debian's source packages, are built with gcc and clang for all processors,
// keeping relocations (-Wl,--emit-relocs), and so is all of gcc's C++ library
// linked into one program; the relocations are the truth, the stripped twin is
// what is counted.
//
//	go run ./bench/unsafecall [-only WORDS] [-programs LIST] [-fresh]
//
//	go run ./bench/unsafecall -v FILE…
//
// The second form compares programs that were built with relocations kept.
//
// Sources and builds go to bench/work/unsafecall; builds that are there are
// not made again. Debian packages: gcc-* and g++-* cross compilers of the
// targets below with their libc6-dev-*-cross, clang, binutils-multiarch.
package main

import (
	"flag"
	"fmt"
	"log"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/wardein/wardein/exe"
	"github.com/wardein/wardein/internal/cfuncs"
	"github.com/wardein/wardein/internal/testkit/calltruth"
)

// variants are the processors, with flags of their own and the share of
// calls that must be found.
var variants = []struct {
	name, target, flags string
	least               float64
	class               string // of which the share is counted together
}{
	{"x86-64", "x86_64-linux-gnu", "", 99.9, "x86-64"},
	{"i386", "i686-linux-gnu", "", 99.9, "x86"},
	{"arm", "arm-linux-gnueabi", "-marm -march=armv7-a", 99.9, "ARM"},
	{"thumb2", "arm-linux-gnueabi", "-mthumb -march=armv7-a", 99.9, "Thumb-2"},
	{"aarch64", "aarch64-linux-gnu", "", 99.9, "AArch64"},
	{"ppc", "powerpc-linux-gnu", "", 99.9, "PPC"},
	{"ppc64le", "powerpc64le-linux-gnu", "", 99.9, "PPC"},
	{"ppc64", "powerpc64-linux-gnu", "", 99.9, "PPC"},
	{"mips", "mips-linux-gnu", "", 99.5, "MIPS"},
	{"mipsel", "mipsel-linux-gnu", "", 99.5, "MIPS"},
	{"mips64el", "mips64el-linux-gnuabi64", "", 99.5, "MIPS"},
}

var (
	work     = flag.String("work", "bench/work/unsafecall", "folder for sources and builds")
	only     = flag.String("only", "", "only builds whose name contains one of these words")
	programs = flag.String("programs", "libstdc++,ninja,dropbear,busybox", "what is built")
	fresh    = flag.Bool("fresh", false, "build again")
	detail   = flag.Bool("v", false, "print each call that differs")
	speed    = flag.Duration("speed", 200*time.Millisecond, "processor time that measuring the speed takes for a file, 0 for none")
)

func main() {
	log.SetFlags(0)
	flag.Parse()
	if flag.NArg() > 0 {
		for _, full := range flag.Args() {
			s, err := compare(full, func(string, int, int, int) {})
			fmt.Printf("%s: expected %d, found %d, agree %d, %d functions of the tables differ, %.0f MB/s, %v\n", full, s.expected, s.found, s.agree, s.differ, s.speed, err)
		}
		return
	}
	if err := fetch(); err != nil {
		log.Fatal(err)
	}
	out, err := os.Create(filepath.Join(*work, "imports.tsv"))
	if err != nil {
		log.Fatal(err)
	}
	defer out.Close()
	fmt.Fprintln(out, "program\tbuild\timport\texpected\tfound\tagree")
	fmt.Printf("%-9s %-20s %8s %8s %8s %8s %8s %9s %7s\n", "program", "build", "expected", "found", "agree", "table", "differ", "code", "MB/s")
	sums := map[string]*sum{}
	bad := false
	for _, program := range strings.Split(*programs, ",") {
		for _, cc := range []string{"gcc", "clang"} {
			for _, opt := range []string{"-O2", "-Os"} {
				for _, v := range variants {
					name := v.name + opt + "-" + cc
					if !wanted(program + " " + name) {
						continue
					}
					full, err := build(program, name, v.target, cc, opt+" "+v.flags)
					if err != nil {
						fmt.Printf("%-9s %-20s not built: %v\n", program, name, err)
						continue
					}
					s, err := compare(full, func(f string, n, k, same int) {
						fmt.Fprintf(out, "%s\t%s\t%s\t%d\t%d\t%d\n", program, name, f, n, k, same)
					})
					if err != nil {
						fmt.Printf("%-9s %-20s %v\n", program, name, err)
						bad = true
						continue
					}
					fmt.Printf("%-9s %-20s %8d %8d %8d %8d %8d %9d %7.0f\n", program, name, s.expected, s.found, s.agree, s.table, s.differ, s.code, s.speed)
					if sums[v.class] == nil {
						sums[v.class] = &sum{}
					}
					sums[v.class].add(s)
				}
			}
		}
	}
	for _, class := range slices.Sorted(maps.Keys(sums)) {
		s := sums[class]
		share := 100 * float64(s.agree) / float64(max(s.expected, s.found))
		least := 99.9
		if class == "MIPS" {
			least = 99.5
		}
		verdict := "holds"
		if share < least || s.differ > 0 {
			verdict, bad = "does not hold", true
		}
		fmt.Printf("all %-8s expected %d, found %d, agree %d = %.3f %% (at least %.1f %%); functions of the tables: %d calls, %d functions differ: %s; %.0f MB/s of %.0f MB\n",
			class, s.expected, s.found, s.agree, share, least, s.table, s.differ, verdict, float64(s.code)/1e6/max(s.seconds, 1e-9), float64(s.code)/1e6)
	}
	if bad {
		os.Exit(1)
	}
}

func wanted(name string) bool {
	for _, w := range strings.Fields(*only) {
		if strings.Contains(name, w) {
			return true
		}
	}
	return *only == ""
}

// sum counts calls: agree are those that both sides have at the same address
// and of the same kind; table are the expected ones of functions that the
// check counts, differ how many of those functions have a wrong number.
type sum struct {
	expected, found, agree, table, differ int
	code                                  int64
	speed                                 float64 // of one file, MB of code by second
	seconds                               float64 // for reading the code once
}

func (s *sum) add(o sum) {
	s.expected, s.found, s.agree = s.expected+o.expected, s.found+o.found, s.agree+o.agree
	s.table, s.differ = s.table+o.table, s.differ+o.differ
	s.code, s.seconds = s.code+o.code, s.seconds+o.seconds
}

// startup are called by crt*.o only, which has no relocations on some
// processors; calls of __tls_get_addr are taken out by the linker, which
// leaves their relocations.
var startup = map[string]bool{"__tls_get_addr": true, "___tls_get_addr": true,
	"__libc_start_main": true, "__gmon_start__": true, "__cxa_finalize": true,
	"_ITM_deregisterTMCloneTable": true, "_ITM_registerTMCloneTable": true, "__deregister_frame_info": true, "__register_frame_info": true}

func compare(full string, each func(name string, expected, found, agree int)) (s sum, err error) {
	bare := full + ".bare"
	if out, err := exec.Command("strip", "-o", bare, full).CombinedOutput(); err != nil {
		return s, fmt.Errorf("strip: %v: %s", err, out)
	}
	want, err := calltruth.Read(full)
	if err != nil {
		return s, err
	}
	r, err := os.Open(bare)
	if err != nil {
		return s, err
	}
	defer r.Close()
	st, err := r.Stat()
	if err != nil {
		return s, err
	}
	f, err := exe.Open(r, st.Size())
	if err != nil {
		return s, err
	}
	got, err := f.Calls()
	if err != nil {
		return s, err
	}
	type count struct{ expected, found, agree int }
	by := map[string]*count{}
	of := func(name string) *count {
		if by[name] == nil {
			by[name] = &count{}
		}
		return by[name]
	}
	seen := map[uint64]bool{}
	for _, c := range got.List {
		name := got.Imports[c.Import].Name
		seen[c.Addr] = true
		of(name).found++
		if w := want[c.Addr]; w.Name == name && w.Tail == c.Tail {
			of(name).agree++
		} else if *detail && !startup[name] {
			fmt.Printf("\t%#x: found %s, tail %v; relocation %q, tail %v\n", c.Addr, name, c.Tail, w.Name, w.Tail)
		}
	}
	for _, a := range slices.Sorted(maps.Keys(want)) {
		of(want[a].Name).expected++
		if *detail && !seen[a] && !startup[want[a].Name] {
			fmt.Printf("\t%#x: relocation %s, tail %v; nothing found\n", a, want[a].Name, want[a].Tail)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(by)) {
		n := by[name]
		each(name, n.expected, n.found, n.agree)
		if startup[name] {
			continue
		}
		s.expected, s.found, s.agree = s.expected+n.expected, s.found+n.found, s.agree+n.agree
		if cfuncs.Lookup(name) != nil {
			s.table += n.expected
			if n.expected != n.found || n.agree != n.found {
				s.differ++
			}
		}
	}
	s.code = got.Code
	if *speed > 0 {
		begin, n := cpu(), 0
		for cpu()-begin < *speed {
			f, _ := exe.Open(r, st.Size())
			f.Calls()
			n++
		}
		s.seconds = (cpu() - begin).Seconds() / float64(n)
		s.speed = float64(got.Code) / 1e6 / s.seconds
	}
	return s, nil
}

// cpu is the processor time that the program has used, the collector's too.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		log.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
