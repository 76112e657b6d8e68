// Command bounds measures how well functions are found in stripped programs:
// the builds of bench/unsafecall (dropbear, busybox, ninja and all of gcc's C++
// library, with gcc and clang, -O2 and -Os, for eleven processors) are stripped,
// and what exe.Functions finds is compared with the symbols that were there.
//
//	go run ./bench/bounds [-only WORDS] [-programs LIST] [-each] [-out FILE]
//
//	go run ./bench/bounds -v FILE…
//
// The second form lists what differs in single programs. Builds that are
// missing are made by go run ./bench/unsafecall. Debian package:
// binutils-multiarch.
//
// The truth are the symbols of functions (STT_FUNC) in .text with a size, those
// of one address once. Left out, neither expected nor wrong where found, is
// what symbols mark otherwise: functions without a size (crt*.o), and labels
// without a type (assembly). A function counts as right if it begins at the
// same address in the same instruction set, and as exact if it has the same
// size, too.
package main

import (
	"bytes"
	"debug/elf"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/wardein/wardein/exe"
	"github.com/wardein/wardein/exe/insn"
)

var (
	builds   = flag.String("builds", "bench/work/unsafecall/build", "folder of the builds")
	only     = flag.String("only", "", "only builds whose name contains one of these words")
	programs = flag.String("programs", "libstdc++,ninja,dropbear,busybox", "which programs")
	each     = flag.Bool("each", false, "a row for each program")
	detail   = flag.Bool("v", false, "print each function that differs")
	out      = flag.String("out", "bench/bounds/RESULTS.md", "where the table goes")
)

var processors = []string{"x86-64", "aarch64", "ppc64le", "ppc64", "i386", "arm", "thumb2", "ppc", "mips", "mipsel", "mips64el"}

func main() {
	log.SetFlags(0)
	flag.Parse()
	if flag.NArg() > 0 {
		*detail = true
		for _, path := range flag.Args() {
			s, err := measure(path)
			fmt.Println(path, header)
			fmt.Println(s, err)
		}
		return
	}
	var table strings.Builder
	w := io.MultiWriter(os.Stdout, &table)
	fmt.Fprintf(w, "| build | %s |\n|---|%s\n", header, strings.Repeat("---:|", strings.Count(header, "|")+1))
	for _, p := range processors {
		var all sum
		n := 0
		for _, cc := range []string{"gcc", "clang"} {
			for _, opt := range []string{"-O2", "-Os"} {
				var row sum
				name := p + opt + "-" + cc
				for _, program := range strings.Split(*programs, ",") {
					if !wanted(program + " " + name) {
						continue
					}
					s, err := measure(filepath.Join(*builds, program, name, "full"))
					if err != nil {
						log.Fatalf("%s %s: %v", program, name, err)
					}
					if *each {
						fmt.Fprintf(w, "| %s %s | %s |\n", program, name, s)
					}
					row.add(s)
				}
				if row.expected > 0 {
					fmt.Fprintf(w, "| %s | %s |\n", name, row)
					all.add(row)
					n++
				}
			}
		}
		if n > 1 {
			fmt.Fprintf(w, "| **%s** | %s |\n", p, all)
		}
	}
	if *only == "" && !*each {
		if err := os.WriteFile(*out, []byte(fmt.Sprintf(results, *programs)+table.String()), 0o644); err != nil {
			log.Fatal(err)
		}
	}
}

const results = `# Bounds of functions in stripped programs

Made by ` + "`go run ./bench/bounds`" + ` from %s. What counts as right, and what is left
out, says the command's comment. Recall is right / functions, precision is right / (found − left out), exact is how
many of the functions have the right size, too; MB of code by second on one core.

`

func wanted(name string) bool {
	for _, w := range strings.Fields(*only) {
		if strings.Contains(name, w) {
			return true
		}
	}
	return *only == ""
}

const header = "functions | found | left out | right | exact | recall % | precision % | exact % | MB/s"

type sum struct {
	expected, found, neutral, right, exact int
	code                                   int64
	took                                   time.Duration
}

func (s *sum) add(o sum) {
	s.expected, s.found, s.neutral, s.right, s.exact = s.expected+o.expected, s.found+o.found, s.neutral+o.neutral, s.right+o.right, s.exact+o.exact
	s.code, s.took = s.code+o.code, s.took+o.took
}

func (s sum) String() string {
	share := func(a, b int) float64 { return 100 * float64(a) / float64(max(b, 1)) }
	return fmt.Sprintf("%d | %d | %d | %d | %d | %.2f | %.2f | %.2f | %.0f", s.expected, s.found, s.neutral, s.right, s.exact,
		share(s.right, s.expected), share(s.right, s.found-s.neutral), share(s.exact, s.expected), float64(s.code)/1e6/max(s.took.Seconds(), 1e-9))
}

// truth are a program's functions.
type truth struct {
	sizes   map[uint64][]uint64 // by address
	names   map[uint64]string
	odd     map[uint64]bool // Thumb, MIPS16
	neutral map[uint64]bool
	text    *elf.Section
}

func read(data []byte) (*truth, error) {
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	symbols, err := f.Symbols()
	if err != nil {
		return nil, err
	}
	t := &truth{sizes: map[uint64][]uint64{}, names: map[uint64]string{}, odd: map[uint64]bool{}, neutral: map[uint64]bool{}, text: f.Section(".text")}
	descriptors, err := opd(f)
	if err != nil {
		return nil, err
	}
	for _, s := range symbols {
		typ := elf.ST_TYPE(s.Info)
		at := s.Value
		if to, ok := descriptors[at]; ok {
			at = to
		}
		odd := f.Machine == elf.EM_ARM && at&1 != 0 && typ == elf.STT_FUNC || f.Machine == elf.EM_MIPS && s.Other&0xf0 == 0xf0
		if f.Machine == elf.EM_ARM && typ == elf.STT_FUNC {
			at &^= 1
		}
		if at < t.text.Addr || at-t.text.Addr >= t.text.Size || s.Section == elf.SHN_UNDEF || strings.HasPrefix(s.Name, "$") {
			continue
		}
		switch {
		case typ == elf.STT_FUNC && s.Size > 0:
			if !slices.Contains(t.sizes[at], s.Size) {
				t.sizes[at] = append(t.sizes[at], s.Size)
			}
			t.names[at] += " " + s.Name
			t.odd[at] = odd
		case typ == elf.STT_FUNC || typ == elf.STT_NOTYPE:
			t.neutral[at] = true
		}
	}
	return t, nil
}

// opd reads what the function descriptors of 64-bit PowerPC (ELF V1) point at.
func opd(f *elf.File) (map[uint64]uint64, error) {
	s, r := f.Section(".opd"), f.Section(".rela.dyn")
	to := map[uint64]uint64{}
	if s == nil || r == nil {
		return to, nil
	}
	b, err := r.Data()
	if err != nil {
		return nil, err
	}
	for ; len(b) >= 24; b = b[24:] {
		if at := f.ByteOrder.Uint64(b); at >= s.Addr && at-s.Addr < s.Size {
			to[at] = f.ByteOrder.Uint64(b[16:])
		}
	}
	return to, nil
}

// measure strips a program and compares what is found in it.
func measure(path string) (s sum, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return s, err
	}
	want, err := read(data)
	if err != nil {
		return s, err
	}
	bare := path + ".bounds"
	defer os.Remove(bare)
	if msg, err := exec.Command("strip", "-s", "-o", bare, path).CombinedOutput(); err != nil {
		return s, fmt.Errorf("strip: %v: %s", err, msg)
	}
	stripped, err := os.ReadFile(bare)
	if err != nil {
		return s, err
	}
	begin := processor()
	got, err := functions(stripped)
	s.took = processor() - begin
	if err != nil {
		return s, err
	}
	again, err := functions(data)
	if err != nil {
		return s, err
	}
	if !slices.EqualFunc(got, again, func(a, b exe.Function) bool {
		return a.Addr == b.Addr && a.Size == b.Size && a.Set == b.Set && a.By == b.By
	}) {
		fmt.Fprintf(os.Stderr, "%s: what is found in the stripped file differs from what is found without its symbols\n", path)
	}
	s.code = int64(want.text.Size)
	s.expected = len(want.sizes)
	found := map[uint64]exe.Function{}
	for _, f := range got {
		if f.Addr < want.text.Addr || f.Addr-want.text.Addr >= want.text.Size {
			continue
		}
		s.found++
		found[f.Addr] = f
		odd := f.Set == insn.Thumb || f.Set == insn.MIPS16
		sizes, ok := want.sizes[f.Addr]
		switch {
		case ok && odd == want.odd[f.Addr]:
			s.right++
			if slices.Contains(sizes, f.Size) {
				s.exact++
			} else if *detail {
				fmt.Printf("size %#x %s: %d, not %d, by %s\n", f.Addr, want.names[f.Addr], f.Size, sizes, f.By)
			}
		case want.neutral[f.Addr]:
			s.neutral++
		case *detail:
			fmt.Printf("extra %#x %d by %s\n", f.Addr, f.Size, f.By)
		}
	}
	if *detail {
		for at, names := range want.names {
			if f, ok := found[at]; !ok || want.odd[at] != (f.Set == insn.Thumb || f.Set == insn.MIPS16) {
				fmt.Printf("miss %#x %s\n", at, names)
			}
		}
	}
	return s, nil
}

// processor is how much time of processors the command has taken.
func processor() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func functions(data []byte) ([]exe.Function, error) {
	f, err := exe.Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	return f.Functions(exe.Sources{Stripped: true})
}
