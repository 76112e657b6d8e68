package main

import (
	"debug/elf"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/wardein/wardein/compare/function"
)

var wardeinFile = flag.String("wardein", "", "run: this binary instead of one built for it")

// The kinds of pairs.
const (
	versionPair = "version" // two versions, built alike
	laterPair   = "later"   // the newer one and the next, built alike
	optionPair  = "option"  // one version for speed and for size
	rebuildPair = "rebuild" // one version built in two places
)

// pair is two builds of a program that are compared.
type pair struct {
	kind     string
	old, new built
}

// pairs are all pairs of which both builds are there.
func pairs() []pair {
	var list []pair
	for _, p := range programs {
		for _, v := range variants {
			b := func(release int, opt string, at *place) built {
				return built{program: p, release: releases[release], variant: v, opt: opt, again: at}
			}
			list = append(list, pair{versionPair, b(0, "-O2", nil), b(1, "-O2", nil)}, pair{laterPair, b(1, "-O2", nil), b(2, "-O2", nil)}, pair{optionPair, b(0, "-O2", nil), b(0, "-Os", nil)},
				pair{rebuildPair, b(0, "-O2", places[0]), b(0, "-O2", places[1])})
		}
	}
	var there []pair
	for _, p := range list {
		if p.old.there() && p.new.there() && wanted(p.name()) {
			there = append(there, p)
		}
	}
	return there
}

func (b built) there() bool {
	dir, err := b.dir()
	if err != nil {
		return false
	}
	_, err = os.Stat(filepath.Join(dir, "stripped"))
	return err == nil
}

func (p pair) name() string {
	return p.kind + "-" + p.old.program.name + "-" + p.old.variant.name
}

// files are the builds' files of a name, full or stripped.
func (p pair) files(name string) (old, new string, err error) {
	a, err := p.old.dir()
	if err != nil {
		return "", "", err
	}
	b, err := p.new.dir()
	return filepath.Join(a, name), filepath.Join(b, name), err
}

// scored is what a score says, see there.
type scored struct {
	Present, Claimed, Right, Undecided int
	Bounds, Named                      [2]int
}

func (s scored) recall() float64 { return 100 * float64(s.Right) / float64(max(s.Present, 1)) }
func (s scored) precision() float64 {
	return 100 * float64(s.Right) / float64(max(s.Claimed-s.Undecided, 1))
}
func (s scored) strict() float64 { return 100 * float64(s.Right) / float64(max(s.Claimed, 1)) }
func (s scored) bounds() float64 {
	return 100 * float64(s.Bounds[0]+s.Bounds[1]) / float64(max(s.Named[0]+s.Named[1], 1))
}

// measured is what came of a pair.
type measured struct {
	Kind, Program, Variant, Old, New string
	Symbols, Recovered               scored
	// Changed, Gone, Came are functions of the stripped programs that are
	// listed, of Functions; Data are runs of data.
	Functions                 [2]int
	Changed, Gone, Came, Data int
	// Stated are changed functions of which texts differ that state where or when
	// the program was built.
	Stated int
	// Review is the lines to review by `wardein compare` of the stripped
	// programs; -1 where it failed.
	Review int
	// CPU is the seconds of a processor that reading both stripped programs and
	// comparing them takes, the least of three runs, Code the bytes of their code.
	CPU  float64
	Code int64
}

// run measures all pairs that have no result yet.
func run() error {
	bin, err := wardein()
	if err != nil {
		return err
	}
	var failed error
	for _, p := range pairs() {
		if _, err := os.Stat(resultFile(p.name())); err == nil && !*fresh {
			continue
		}
		m, err := p.measure(bin)
		if err != nil {
			fmt.Printf("%-32s %v\n", p.name(), err)
			failed = errors.New("some pairs failed")
			continue
		}
		fmt.Printf("%-32s symbols %5.1f / %5.1f  recovered %5.1f / %5.1f  bounds %5.1f  listed %d of %d  review %d  %.2f s  %.1f MB/s\n", p.name(), m.Symbols.recall(), m.Symbols.precision(),
			m.Recovered.recall(), m.Recovered.precision(), m.Recovered.bounds(), m.Changed+m.Gone+m.Came, m.Functions[1], m.Review, m.CPU, float64(m.Code)/1e6/m.CPU)
		if err := keep(p.name(), m); err != nil {
			return err
		}
	}
	return failed
}

// wardein is the binary that is measured.
func wardein() (string, error) {
	if *wardeinFile != "" {
		return filepath.Abs(*wardeinFile)
	}
	bin, err := filepath.Abs(filepath.Join(*work, "wardein"))
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-o", bin, "./cmd/wardein")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%v: %s", err, out)
	}
	return bin, nil
}

func (p pair) measure(bin string) (*measured, error) {
	m := &measured{Kind: p.kind, Program: p.old.program.name, Variant: p.old.variant.name, Review: -1}
	var err error
	if m.Old, err = p.old.version(); err != nil {
		return nil, err
	}
	if m.New, err = p.new.version(); err != nil {
		return nil, err
	}
	old, new, err := p.files("full")
	if err != nil {
		return nil, err
	}
	for i, s := range []*scored{&m.Symbols, &m.Recovered} {
		got, err := scorePair(old, new, i == 1)
		if err != nil {
			return nil, err
		}
		*s = scored{got.Present, got.Claimed, got.Right, got.Undecided, got.Bounds, got.Named}
	}
	if old, new, err = p.files("stripped"); err != nil {
		return nil, err
	}
	least := 0.0
	for range 3 { // others use the machine: the least is nearest to what it takes
		if err := m.compare(old, new); err != nil {
			return nil, err
		}
		if least == 0 || m.CPU < least {
			least = m.CPU
		}
	}
	m.CPU = least
	for _, f := range []string{old, new} {
		n, err := codeSize(f)
		if err != nil {
			return nil, err
		}
		m.Code += n
	}
	if m.Review, err = review(bin, old, new); err != nil {
		fmt.Printf("%-32s %v\n", p.name(), err)
	}
	return m, nil
}

// compare compares the functions and data of two stripped programs, one
// after the other on one processor.
func (m *measured) compare(old, new string) error {
	runtime.GC()
	begin := cpu()
	a, err := readProgram(old, true)
	if err != nil {
		return err
	}
	b, err := readProgram(new, true)
	if err != nil {
		return err
	}
	x := function.Match(a, b)
	m.Data = len(x.Data())
	m.CPU = (cpu() - begin).Seconds()
	m.Functions = [2]int{len(a.Functions), len(b.Functions)}
	m.Gone, m.Came, m.Changed, m.Stated = len(x.Gone), len(x.Came), 0, 0
	for _, p := range x.Pairs {
		if p.Same != function.Changed {
			continue
		}
		m.Changed++
		for _, t := range p.Change.TextsRemoved {
			// the source stands in the folder beside the build's
			if strings.HasPrefix(t, places[0].dir+"/") || strings.Contains(t, places[0].date[:10]) {
				m.Stated++
				break
			}
		}
	}
	return nil
}

// cpu is the time that the process took of processors.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// codeSize is the size of a program's executable sections.
func codeSize(path string) (n int64, err error) {
	f, err := elf.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for _, s := range f.Sections {
		if s.Flags&elf.SHF_EXECINSTR != 0 {
			n += int64(s.Size)
		}
	}
	return n, nil
}

// compared is what `wardein compare --json` says, as far as it is used here.
type compared struct {
	Review int `json:"review_lines,string"`
	Rows   []row
}

type row struct {
	Kind, Change, Old, New, What string
	Functions                    struct {
		List []struct{ New struct{ Address string } }
	}
}

// compareVerb runs `wardein compare` with a store of the harness.
func compareVerb(bin, old, new string) (*compared, []byte, *os.ProcessState, error) {
	cache, err := filepath.Abs(filepath.Join(*work, "cache"))
	if err != nil {
		return nil, nil, nil, err
	}
	cmd := exec.Command(bin, "compare", "--json", old, new)
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+cache)
	var says strings.Builder
	cmd.Stderr = &says
	out, err := cmd.Output()
	if code := cmd.ProcessState.ExitCode(); err != nil && code != 1 {
		return nil, nil, nil, fmt.Errorf("wardein compare: %v: %.300s", err, says.String())
	}
	var c compared
	if err := json.Unmarshal(out, &c); err != nil {
		return nil, nil, nil, fmt.Errorf("wardein compare: %w", err)
	}
	return &c, out, cmd.ProcessState, nil
}

func review(bin, old, new string) (int, error) {
	c, _, _, err := compareVerb(bin, old, new)
	if err != nil {
		return -1, err
	}
	return c.Review, nil
}

func resultFile(name string) string { return filepath.Join(*work, "results", name+".json") }

// maxResident is the most memory in kB that a process had.
func maxResident(s *os.ProcessState) int64 {
	if u, ok := s.SysUsage().(*syscall.Rusage); ok {
		return u.Maxrss
	}
	return 0
}
