package hiddenaccess

import (
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/exe"
	"github.com/wardein/wardein/internal/stable"
	"github.com/wardein/wardein/internal/table"
)

//go:embed data/authentication.toml
var authenticationTOML []byte

// primitive is a function that checks passwords or looks up accounts.
type primitive struct {
	Name          string
	Word, Account int // arguments, −1 none
	Result        string
	Source        string
}

// comparer is a function that compares two texts.
type comparer struct {
	Name   string
	Length bool
}

var authenticationFile = table.TOML[struct {
	Date      string
	Primitive []primitive
	Compare   []comparer
	Usual     []struct {
		Texts []string
		Why   string
	}
	Form []struct{ Pattern, Why string }
}]("data/authentication.toml", authenticationTOML)

// authentication is that file, ready for looking things up.
var authentication = sync.OnceValue(func() (k struct {
	primitives map[string]*primitive
	comparers  map[string]*comparer
	usual      map[string]bool
	form       *regexp.Regexp
}) {
	file := authenticationFile()
	k.primitives, k.comparers, k.usual = map[string]*primitive{}, map[string]*comparer{}, map[string]bool{}
	for i := range file.Primitive {
		k.primitives[file.Primitive[i].Name] = &file.Primitive[i]
	}
	for i := range file.Compare {
		k.comparers[file.Compare[i].Name] = &file.Compare[i]
	}
	for _, u := range file.Usual {
		for _, s := range u.Texts {
			k.usual[s] = true
		}
	}
	var forms []string
	for _, f := range file.Form {
		forms = append(forms, f.Pattern)
	}
	k.form = regexp.MustCompile("^(?:" + strings.Join(forms, "|") + ")$")
	return k
})

const (
	leastConstant = 4   // bytes of a text that is compared
	maxConstant   = 256 // that are read of one
	maxRoutines   = 64  // of one program
)

// fixed states the fixed texts that routines which check passwords compare
// with: where they stand and how long they are, never what they say.
func fixed(f *exe.File, out func(wardein.Fact)) error {
	calls, err := f.Calls()
	var un *exe.Uncounted
	if errors.As(err, &un) {
		return nil // unsafecall says so
	}
	if err != nil {
		return err
	}
	k := authentication()
	var checks []exe.Call
	for _, c := range calls.List {
		if k.primitives[calls.Imports[c.Import].Name] != nil {
			checks = append(checks, c)
		}
	}
	if len(checks) == 0 {
		return nil
	}
	a, err := f.Arguments(calls)
	if errors.As(err, &un) {
		out(unfollowed(un.Why))
		return nil
	}
	if err != nil {
		return err
	}
	done, long := map[uint64]bool{}, false
	for _, c := range checks {
		r, ok := a.Routine(c.Addr)
		if !ok || done[r.Addr] {
			continue
		}
		if len(done) == maxRoutines {
			out(unfollowed(fmt.Sprintf("more than %d routines check passwords or look up accounts", maxRoutines)))
			break
		}
		done[r.Addr] = true
		var asked []exe.Call
		any := false
		for _, c := range a.Calls(r) {
			name := calls.Imports[c.Import].Name
			if k.primitives[name] != nil {
				asked = append(asked, c)
			} else if k.comparers[name] != nil {
				asked = append(asked, c)
				any = true
			}
		}
		if !any {
			continue
		}
		sites, err := a.Of(r, asked)
		if err != nil {
			long = true
			continue
		}
		routine(a, calls, sites, out)
	}
	if long {
		out(unfollowed("a routine is longer than 64 KiB, or not in the file"))
	}
	return nil
}

// unfollowed states that calls which check passwords were not followed.
func unfollowed(why string) wardein.Fact {
	return wardein.Fact{Kind: "unfollowed", Attrs: []wardein.Note{note("why", why)}}
}

// notFollowed is one Gap for each reason.
func notFollowed(facts []wardein.Place) error {
	by := map[string][]wardein.Place{}
	for _, p := range facts {
		why := p.Fact.Attr("why")
		by[why] = append(by[why], p)
	}
	var all []error
	for _, why := range slices.Sorted(maps.Keys(by)) {
		names := []string{}
		for _, p := range by[why][:min(len(by[why]), 3)] {
			names = append(names, path.Base(p.Node))
		}
		if len(by[why]) > 3 {
			names = append(names, "…")
		}
		all = append(all, &wardein.Gap{Node: by[why][0].Node, Kind: wardein.Unsupported,
			Why: fmt.Sprintf("calls that check passwords not followed in %d files (%s): %s", len(by[why]), strings.Join(names, ", "), why)})
	}
	return errors.Join(all...)
}

// role says what a value is in a routine, by what takes or gives it.
type role struct{ is, by string }

func routine(a *exe.Arguments, calls *exe.Calls, sites []exe.Site, out func(wardein.Fact)) {
	k := authentication()
	roles := map[uint32]role{}
	for _, s := range sites {
		p := k.primitives[calls.Imports[s.Import].Name]
		if p == nil {
			continue
		}
		set := func(g exe.Given, is string) {
			if g.Origin != 0 && (roles[g.Origin].is == "" || is == "word") {
				roles[g.Origin] = role{is, p.Name}
			}
		}
		if p.Account >= 0 {
			set(s.Args[p.Account], "account")
		}
		if p.Word >= 0 {
			set(s.Args[p.Word], "word")
		}
		if p.Result != "" && (p.Word < 0 || !s.Args[p.Word].Constant) { // with a fixed word, a test of the function
			set(s.Result, p.Result)
		}
	}
	for _, s := range sites {
		c := k.comparers[calls.Imports[s.Import].Name]
		if c == nil {
			continue
		}
		for i, g := range s.Args[:2] {
			if !g.Constant || s.Args[1-i].Constant {
				continue
			}
			text, off, ok := a.Text(g.N, maxConstant)
			if n := s.Args[2]; ok && c.Length && n.Constant && n.N < uint64(len(text)) {
				text = text[:n.N]
			}
			if !ok || !unusual(text) {
				continue
			}
			if r := roles[s.Args[1-i].Origin]; r.is != "" {
				out(compared(r, c.Name, off, text, s.Off))
			}
		}
	}
}

// compared is a text that is compared: where it stands and what it is made of,
// never what it says. by is the function that compares.
func compared(r role, by string, off int64, text string, call int64) wardein.Fact {
	return wardein.Fact{Kind: "constant", Off: off, Len: int64(len(text)), Attrs: []wardein.Note{
		{Name: "is", Value: r.is}, {Name: "by", Value: r.by}, {Name: "compare", Value: by}, {Name: "letters", Value: letters(text)}, {Name: "call", Value: strconv.FormatInt(call, 10)},
	}}
}

// unusual tells a text that a password or a name may be.
func unusual(s string) bool {
	if len(s) < leastConstant || printable(s) != s || strings.TrimSpace(s) != s {
		return false
	}
	k := authentication()
	return !k.usual[s] && !k.form.MatchString(s)
}

// letters says what a text is made of, and no more.
func letters(s string) string {
	var lower, upper, digit, other bool
	for _, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z':
			lower = true
		case c >= 'A' && c <= 'Z':
			upper = true
		case c >= '0' && c <= '9':
			digit = true
		default:
			other = true
		}
	}
	var of []string
	if lower || upper {
		of = append(of, "letters")
	}
	if digit {
		of = append(of, "digits")
	}
	if other {
		of = append(of, "marks")
	}
	if n := len(of); n > 1 {
		of = []string{strings.Join(of[:n-1], ", ") + " and " + of[n-1]}
	}
	return strings.Join(slices.Compact(of), "")
}

// constants says which functions that check passwords compare with fixed texts.
// What is the same but for the place is one finding.
func (r *release) constants(places []wardein.Place, out func(wardein.Finding)) {
	byID := map[string][]wardein.Place{}
	var ids []string
	for _, p := range places {
		id := stable.ID("hiddenaccess.constant", p.Attr("is"), p.Attr("by"), p.Attr("compare"), p.Attr("letters"), strconv.FormatInt(p.Len, 10))
		if byID[id] == nil {
			ids = append(ids, id)
		}
		byID[id] = append(byID[id], p)
	}
	slices.Sort(ids)
	for _, id := range ids {
		out(r.constant(id, byID[id]))
	}
}

func (r *release) constant(id string, list []wardein.Place) wardein.Finding {
	is := list[0].Attr("is")
	f := wardein.Finding{ID: id, Rule: "hiddenaccess.constant", Node: list[0].Node, Severity: wardein.High, Confidence: wardein.Likely, Reach: wardein.NoneShown}
	if is == "account" {
		f.Severity, f.Confidence = wardein.Medium, wardein.Possible
	}
	var files []string
	started := ""
	for _, p := range list {
		if n := path.Base(p.Node); !slices.Contains(files, n) {
			files = append(files, n)
		}
		if as := r.start(p.Node); as != "" && started == "" {
			started, f.Node = path.Base(p.Node)+" is started at boot by "+as+".", p.Node
			if r.waits[p.Node] {
				f.Reach = wardein.Management
			}
		}
		if len(f.Quotes) == shown {
			continue
		}
		// The text is not quoted: it may open the unit.
		f.Quotes = append(f.Quotes, wardein.Quote{Node: p.Node, Off: p.Off, Len: p.Len})
		if call, err := strconv.ParseInt(p.Attr("call"), 10, 64); err == nil && call != p.Off && len(f.Quotes) == 1 {
			f.Quotes = append(f.Quotes, wardein.Quote{Node: p.Node, Off: call, Len: 4})
		}
	}
	if started == "" {
		started = "Nothing was seen that starts it at boot."
		if len(files) > 1 {
			started = "Nothing was seen that starts them at boot."
		}
	}
	if n := len(files); n > 3 {
		files = append(files[:3], count(n-3)+" more")
	}
	args := []wardein.Note{note("files", strings.Join(files, ", ")), note("by", list[0].Attr("by")), note("compare", list[0].Attr("compare")),
		note("text", list[0].Attr("letters")+", "+strconv.FormatInt(list[0].Len, 10)+" bytes"), note("started", started)}
	f.Says = wardein.Text{ID: "hiddenaccess.constant-" + is, Args: args}
	f.Fix, f.Meanwhile = wardein.Text{ID: "hiddenaccess.constant-fix"}, wardein.Text{ID: "hiddenaccess.constant-until"}
	return f
}
