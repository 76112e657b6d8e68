// Package policy is what a verifier trusts: a C2SP tlog-policy
// (https://c2sp.org/tlog-policy), with two lines of our own for the keys that
// sign what is logged, which that specification leaves to the application.
//
//	log     <vkey> [<url>]              may have logged a statement
//	witness <name> <vkey> [<url>]       may have cosigned a checkpoint
//	group   <name> <any|all|k> <name>…  is a witness once k of its members are
//	quorum  <name|none>                 must have cosigned
//	lab     <vkey>                      may have signed a statement
//	vendor  <vkey>                      may have signed a reply
//
// A file without the last two is a plain tlog-policy.
package policy

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// MaxSize is the length of the longest policy, in bytes: room for some hundred
// witnesses with ML-DSA-44 keys.
const MaxSize = 1 << 20

// Policy is a parsed policy. It accepts a checkpoint that one of the logs
// signed and witnesses cosigned so that the quorum is met.
type Policy struct {
	Logs, Witnesses, Labs, Vendors []Key

	quorum *member // nil for "none"
}

// member is a witness, or a group of members.
type member struct {
	name   string
	k      int // so many of "of" must be met; 0 for a witness
	of     []*member
	within string // the group it is in
}

// Parse reads a policy. Its errors name the line.
func Parse(b []byte) (*Policy, error) {
	if len(b) > MaxSize {
		return nil, fmt.Errorf("policy of %d bytes, at most %d are read", len(b), MaxSize)
	}
	p := &parser{policy: &Policy{}, members: map[string]*member{}, seen: map[string]int{}}
	for len(b) > 0 {
		p.line++
		line, rest, ended := bytes.Cut(b, []byte("\n"))
		if !ended { // every line is terminated ("Structure"); a file that was cut off is seen
			return nil, fmt.Errorf("line %d: does not end with a line feed", p.line)
		}
		if err := p.read(line); err != nil {
			return nil, fmt.Errorf("line %d: %w", p.line, err)
		}
		b = rest
	}
	if p.quorum == 0 {
		return nil, fmt.Errorf("no quorum line: \"quorum none\" asks for no cosignature")
	}
	return p.policy, nil
}

type parser struct {
	policy  *Policy
	members map[string]*member
	seen    map[string]int // kind and public key to the line where it stood
	line    int
	quorum  int // the line of the quorum
}

func (p *parser) read(line []byte) error {
	for i, c := range line {
		if c < 0x20 && c != '\t' || c == 0x7f { // section "Character set"
			return fmt.Errorf("control character %#02x at column %d", c, i+1)
		}
	}
	// White space is space and tab alone, and names are octets: no Unicode here.
	f := strings.FieldsFunc(string(line), func(r rune) bool { return r == ' ' || r == '\t' })
	if len(f) == 0 || f[0][0] == '#' {
		return nil
	}
	switch what, args := f[0], f[1:]; what {
	case "log":
		if len(args) != 1 && len(args) != 2 {
			return fmt.Errorf("expected: log <vkey> [<url>]")
		}
		// tlog-checkpoint, section "Signatures": Ed25519 notes, ML-DSA-44 cosignatures
		return p.key(&p.policy.Logs, what, "", args, Ed25519, MLDSA44)
	case "witness":
		if len(args) != 2 && len(args) != 3 {
			return fmt.Errorf("expected: witness <name> <vkey> [<url>]")
		}
		if err := p.define(&member{name: args[0]}); err != nil {
			return err
		}
		return p.key(&p.policy.Witnesses, what, args[0], args[1:], CosignatureV1, MLDSA44)
	case "lab", "vendor":
		if len(args) != 1 {
			return fmt.Errorf("expected: %s <vkey>", what)
		}
		list := &p.policy.Labs
		if what == "vendor" {
			list = &p.policy.Vendors
		}
		// One key is not both: a vendor's reply must not pass for a laboratory's result.
		return p.key(list, "lab or vendor", "", args, Ed25519)
	case "group":
		return p.group(args)
	case "quorum":
		return p.setQuorum(args)
	default:
		return fmt.Errorf("unknown keyword %q", what)
	}
}

// key adds a key to a list that has not got it yet under any name.
func (p *parser) key(list *[]Key, kind, name string, args []string, algorithms ...Algorithm) error {
	k, err := ParseKey(args[0], algorithms...)
	if err != nil {
		return err
	}
	id := kind + " " + string(k.public)
	if first := p.seen[id]; first != 0 {
		return fmt.Errorf("the same public key stands in line %d", first)
	}
	p.seen[id] = p.line
	if kind == "log" || kind == "witness" { // a signature line must say which of them made it
		id := fmt.Sprintf("%s+%08x", k.Name(), k.KeyHash())
		if first := p.seen[id]; first != 0 {
			return fmt.Errorf("a key %s stands in line %d", id, first)
		}
		p.seen[id] = p.line
	}
	if k.Label = k.Name(); name != "" {
		k.Label = name
	}
	if len(args) > 1 {
		k.URL = args[1]
	}
	*list = append(*list, k)
	return nil
}

func (p *parser) define(m *member) error {
	if m.name == "none" {
		return fmt.Errorf("the name none is taken: it is the quorum that asks for nothing")
	}
	if p.members[m.name] != nil {
		return fmt.Errorf("a witness or group %q stands in a line before", m.name)
	}
	p.members[m.name] = m
	return nil
}

func (p *parser) group(args []string) error {
	if len(args) < 3 {
		return fmt.Errorf("expected: group <name> <any|all|k> and its members")
	}
	g := &member{name: args[0]}
	for _, name := range args[2:] {
		m := p.members[name]
		switch {
		case m == nil:
			return fmt.Errorf("no witness or group %q in a line before", name)
		case m.within != "":
			return fmt.Errorf("%q is a member of group %q already", name, m.within)
		}
		m.within = g.name
		g.of = append(g.of, m)
	}
	switch args[1] {
	case "any":
		g.k = 1
	case "all":
		g.k = len(g.of)
	default:
		k, err := strconv.ParseUint(args[1], 10, 31)
		if err != nil || k < 1 || int(k) > len(g.of) {
			return fmt.Errorf("threshold %q of group %q: expected any, all or a number from 1 to %d", args[1], g.name, len(g.of))
		}
		g.k = int(k)
	}
	return p.define(g)
}

func (p *parser) setQuorum(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("expected: quorum <name|none>")
	}
	if p.quorum != 0 {
		return fmt.Errorf("a quorum stands in line %d", p.quorum)
	}
	m := p.members[args[0]]
	if m == nil && args[0] != "none" {
		return fmt.Errorf("no witness or group %q in a line before", args[0])
	}
	p.quorum, p.policy.quorum = p.line, m
	return nil
}

// Quorum tells whether the witnesses of these labels, who cosigned, meet the
// quorum, and says how it is met or what is missing.
func (p *Policy) Quorum(cosigned []string) (ok bool, why string) {
	if p.quorum == nil {
		return true, "no cosignature is asked for"
	}
	have := map[string]bool{}
	for _, name := range cosigned {
		have[name] = true
	}
	ok, why = p.quorum.met(have)
	if !ok && p.quorum.k == 0 {
		why = "no cosignature of " + why
	}
	return ok, why
}

func (m *member) met(have map[string]bool) (bool, string) {
	if m.k == 0 {
		return have[m.name], m.name
	}
	var are, not []string
	for _, o := range m.of {
		ok, why := o.met(have)
		if ok {
			are = append(are, why)
		} else {
			not = append(not, why)
		}
	}
	if len(are) >= m.k {
		return true, fmt.Sprintf("%s %d of %d (%s)", m.name, len(are), len(m.of), strings.Join(are, ", "))
	}
	return false, fmt.Sprintf("%s %d of %d, %d needed (without %s)", m.name, len(are), len(m.of), m.k, strings.Join(not, ", "))
}

// Verifiers are the keys of some lists, for note.Open and dsse.
func Verifiers(lists ...[]Key) note.Verifiers {
	var all []note.Verifier
	for _, l := range lists {
		for i := range l {
			all = append(all, &l[i])
		}
	}
	return note.VerifierList(all...)
}
