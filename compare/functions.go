package compare

import (
	"cmp"
	_ "embed"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/wardein/wardein/compare/function"
	"github.com/wardein/wardein/exe"
	"github.com/wardein/wardein/internal/table"
)

//go:embed data/network.toml
var networkNames []byte

var networkCalls = table.TOML[struct{ Names []string }]("network.toml", networkNames)

// Bounds of what is kept of the functions of one program: instructions of one
// function and of all, and functions.
const (
	maxInstructions    = 200
	maxAllInstructions = 4_000
	maxListed          = 20_000
	// the same of a program that was asked for by name
	maxWhole    = 4_000
	maxAllWhole = 1_000_000
)

// functionsOf compares the functions of two programs, and their data by what
// it is. whole keeps more of their instructions.
func functionsOf(f, g *exe.File, whole bool) (out *Functions, data []function.DataChange, err error) {
	var programs [2]*function.Program
	for i, x := range []*exe.File{f, g} {
		list, err := x.Functions(exe.Sources{})
		if err != nil {
			return nil, nil, err
		}
		if programs[i], err = function.Read(x, list); err != nil {
			return nil, nil, err
		}
	}
	m := function.Match(programs[0], programs[1])
	out = &Functions{Old: len(m.Old.Functions), New: len(m.New.Functions)}
	for i, p := range programs {
		if p.Left != "" {
			out.Limits = append(out.Limits, []string{"old: ", "new: "}[i]+p.Left)
		}
	}
	near := [2]func(addr uint64) bool{receivers(f, m.Old), receivers(g, m.New)}
	room, most := maxAllInstructions, maxInstructions
	if whole {
		room, most = maxAllWhole, maxWhole
	}
	for _, p := range m.Pairs {
		if p.Same != function.Changed {
			out.Same++
			continue
		}
		old, new := &m.Old.Functions[p.Old], &m.New.Functions[p.New]
		x := Function{Change: Changed, OldName: m.Old.Label(p.Old), NewName: m.New.Label(p.New), OldAddr: old.Addr, NewAddr: new.Addr,
			Why: why(p.Change), Network: near[0](old.Addr) || near[1](new.Addr)}
		if room > 0 {
			hunks, _ := m.Diff(p)
			x.listing(hunks, most, &room)
		} else if p.Change != nil {
			x.Left = p.Change.Removed + p.Change.Added
		}
		out.List = append(out.List, x)
	}
	for _, i := range m.Came {
		h := &m.New.Functions[i]
		out.List = append(out.List, Function{Change: New, NewName: m.New.Label(i), NewAddr: h.Addr, Why: plural(int64(h.Instructions), "instruction"), Network: near[1](h.Addr)})
	}
	for _, i := range m.Gone {
		h := &m.Old.Functions[i]
		out.List = append(out.List, Function{Change: Gone, OldName: m.Old.Label(i), OldAddr: h.Addr, Why: plural(int64(h.Instructions), "instruction"), Network: near[0](h.Addr)})
	}
	change := map[Change]int{Changed: 0, New: 1, Gone: 2}
	slices.SortStableFunc(out.List, func(a, b Function) int {
		if a.Network != b.Network {
			if a.Network {
				return -1
			}
			return 1
		}
		return cmp.Or(change[a.Change]-change[b.Change], cmp.Compare(a.NewAddr, b.NewAddr), cmp.Compare(a.OldAddr, b.OldAddr))
	})
	if n := len(out.List) - maxListed; n > 0 {
		out.List, out.Left = out.List[:maxListed], n
	}
	return out, m.Data(), nil
}

// listing keeps the instructions that differ.
func (x *Function) listing(hunks []function.Hunk, most int, room *int) {
	put := func(sign byte, l *function.Line) {
		if len(x.Lines) == most || *room == 0 {
			x.Left++
			return
		}
		*room--
		op, points := l.Op, l.Points
		if strings.HasPrefix(points, `"`) { // a text
			points = hideForms(points)
		}
		if op == "" {
			op = "data"
		}
		x.Lines = append(x.Lines, Line{sign, strings.TrimSpace(fmt.Sprintf("%x  %-22x %-8s %s", l.Addr, cutBytes(l.Code, 10), op, points))})
	}
	for i := range hunks {
		for k := range hunks[i].Old {
			put('-', &hunks[i].Old[k])
		}
		for k := range hunks[i].New {
			put('+', &hunks[i].New[k])
		}
	}
}

func cutBytes(b []byte, most int) []byte { return b[:min(len(b), most)] }

// why says in a few words what differs in a function.
func why(c *function.Change) string {
	if c == nil {
		return ""
	}
	var parts []string
	count := func(n int, what string) {
		if n > 0 {
			parts = append(parts, plural(int64(n), what))
		}
	}
	if c.Removed > 0 || c.Added > 0 {
		parts = append(parts, fmt.Sprintf("instructions −%d +%d", c.Removed, c.Added))
	}
	count(c.Moved, "jump")
	count(c.Places, "other place of data")
	for i := range c.Data {
		if i == 3 {
			parts = append(parts, fmt.Sprintf("%d more data", len(c.Data)-i))
			break
		}
		parts = append(parts, fmt.Sprintf("data at %#x → %#x", c.Data[i].Old, c.Data[i].New))
	}
	names := func(sign, what string, list []string) {
		if len(list) > 0 {
			s := strings.Join(list[:min(len(list), 4)], " ")
			if len(list) > 4 {
				s += fmt.Sprintf(" and %d more", len(list)-4)
			}
			parts = append(parts, what+" "+sign+hideForms(s))
		}
	}
	names("−", "calls", c.CallsRemoved)
	names("+", "calls", c.CallsAdded)
	names("−", "texts", c.TextsRemoved)
	names("+", "texts", c.TextsAdded)
	return cut(strings.Join(parts, ", "), maxLine)
}

// receivers tells the functions of a program that call what hands on input
// from the network.
func receivers(f *exe.File, p *function.Program) func(addr uint64) bool {
	never := func(uint64) bool { return false }
	in, _ := symbolNames(f)
	if !slices.ContainsFunc(in, func(s string) bool { return slices.Contains(networkCalls().Names, s) }) {
		return never
	}
	calls, err := f.Calls()
	if err != nil { // then nobody is marked
		return never
	}
	marked := map[uint64]bool{}
	for _, c := range calls.List {
		if !slices.Contains(networkCalls().Names, calls.Imports[c.Import].Name) {
			continue
		}
		i := sort.Search(len(p.Functions), func(i int) bool { return p.Functions[i].Addr > c.Addr }) - 1
		if i >= 0 && c.Addr-p.Functions[i].Addr < p.Functions[i].Size {
			marked[p.Functions[i].Addr] = true
		}
	}
	return func(addr uint64) bool { return marked[addr] }
}

// dataRows are the rows of data that differs: one for each section. What is
// text is said by the row of texts, too.
func dataRows(f, g *elf, list []function.DataChange) (rows []Row) {
	by := map[string]int{}
	for _, c := range list {
		k, ok := by[c.Section]
		if !ok {
			k = len(rows)
			by[c.Section] = k
			rows = append(rows, Row{Kind: Program, Change: Changed, Old: f.path, New: g.path, What: "data in " + c.Section})
		}
		r := &rows[k]
		if !(texts(f, c.Old, c.OldSize) && texts(g, c.New, c.NewSize)) {
			r.Lines++
		}
		if len(r.Items) == maxItems {
			r.Left++
			continue
		}
		s := fmt.Sprintf("%s at %#x → %s at %#x", plural(int64(c.OldSize), "byte"), c.Old, plural(int64(c.NewSize), "byte"), c.New)
		switch {
		case c.OldSize == 0:
			s = fmt.Sprintf("%s at %#x, new", plural(int64(c.NewSize), "byte"), c.New)
		case c.NewSize == 0:
			s = fmt.Sprintf("%s at %#x, gone", plural(int64(c.OldSize), "byte"), c.Old)
		}
		r.Items = append(r.Items, Line{' ', s})
	}
	for i := range rows {
		rows[i].Note = plural(int64(len(rows[i].Items)+rows[i].Left), "place")
	}
	return rows
}

// texts tells data that is nothing but text, or nothing.
func texts(f *elf, addr, size uint64) bool {
	if size == 0 {
		return true
	}
	off, n, ok := f.Offset(addr)
	if f.Type == exe.TypeRel {
		off, n, ok = addr, size, true
	}
	if !ok || n < size || size > 64<<10 {
		return false
	}
	b := make([]byte, size)
	if k, err := f.content.ReadAt(b, int64(off)); k < len(b) && err != nil {
		return false
	}
	for i, c := range b {
		if c == 0 {
			b[i] = ' '
		}
	}
	return printable(b)
}
