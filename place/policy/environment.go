package policy

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"

	"github.com/wardein/wardein/place"
)

// environment is the language of a pack's rules: the variables, and its lists.
type environment struct {
	cel   *cel.Env
	lists map[string][]Listed
}

// expression is a compiled predicate with the variables that it reads.
type expression struct {
	program cel.Program
	reads   []*variable
	lists   []string
	bounds  []bound
	text    string
}

// bound is a value at which a comparison of a predicate turns: the fact is on one
// side at At and on the other a step later.
type bound struct {
	fact string // as a fixture names it
	at   int64
	date bool
}

func (b bound) String() string {
	if b.date {
		return b.fact + " " + place.Date(b.at).String()
	}
	return fmt.Sprint(b.fact, " ", b.at)
}

// newEnvironment makes the language of a pack.
func newEnvironment(p *Pack) (*environment, error) {
	texts := cel.ListType(cel.StringType)
	release := cel.MapType(cel.StringType, cel.DynType)
	options := []cel.EnvOption{
		cel.Function("date", cel.Overload("date_string", []*cel.Type{cel.StringType}, cel.IntType, cel.UnaryBinding(func(v ref.Val) ref.Val {
			d, err := place.ParseDate(fmt.Sprint(v.Value()))
			if err != nil || d == 0 {
				return types.NewErr("date(%q): want YYYY-MM-DD", v.Value())
			}
			return types.Int(d)
		}))),
		cel.Function("any_in", cel.Overload("any_in_lists", []*cel.Type{texts, texts}, cel.BoolType, cel.BinaryBinding(anyIn))),
		cel.Function("months_after", cel.Overload("months_after_int_int", []*cel.Type{cel.IntType, cel.IntType}, cel.IntType, cel.BinaryBinding(func(d, n ref.Val) ref.Val {
			day, months := d.(types.Int), n.(types.Int)
			if day < 0 || day > 1<<20 || months < -2400 || months > 2400 {
				return types.NewErr("months_after: out of range")
			}
			return types.Int(place.Date(day).AddMonths(int(months)))
		}))),
		cel.Function("meets", cel.MemberOverload("release_meets", []*cel.Type{release, cel.StringType}, cel.BoolType, cel.BinaryBinding(func(m, name ref.Val) ref.Val {
			list := m.(traits.Mapper).Get(types.String("profiles"))
			if l, ok := list.(traits.Container); ok {
				return l.Contains(name)
			}
			return types.False
		}))),
	}
	for _, v := range variables {
		options = append(options, cel.Variable(v.name, v.typ))
	}
	for name := range p.Lists {
		if !listForm.MatchString(name) || variableOf(name) != nil {
			return nil, fmt.Errorf("list %q: want a name of small letters and digits that is no variable", name)
		}
		options = append(options, cel.Variable(name, texts))
	}
	env, err := cel.NewEnv(options...)
	if err != nil {
		return nil, err
	}
	return &environment{cel: env, lists: p.Lists}, nil
}

// anyIn tells whether two lists of texts have one in common.
func anyIn(a, b ref.Val) ref.Val {
	x, ok1 := a.Value().([]string)
	y, ok2 := b.Value().([]string)
	if !ok1 || !ok2 {
		return types.NewErr("any_in: want lists of texts")
	}
	return types.Bool(slices.ContainsFunc(x, func(s string) bool { return slices.Contains(y, s) }))
}

// maxCost bounds the steps of one evaluation: a rule of the packs takes some
// ten. Nothing is computed while compiling, so that there is no other place
// where a predicate could take long.
const maxCost = 10_000

// compile compiles a predicate; nil for "". One about a network alone reads no
// variable of an element.
func (env *environment) compile(text string, network bool) (*expression, error) {
	if text == "" {
		return nil, nil
	}
	ast, issues := env.cel.Compile(text)
	if err := issues.Err(); err != nil {
		return nil, err
	}
	if ast.OutputType() != cel.BoolType {
		return nil, fmt.Errorf("%s: is of type %s, want bool", text, ast.OutputType())
	}
	x := &expression{text: text}
	read := map[string]bool{}
	for _, r := range ast.NativeRep().ReferenceMap() {
		if r.Name != "" {
			read[r.Name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(read)) {
		if v := variableOf(name); v != nil {
			if network && !v.network {
				return nil, fmt.Errorf("%s: %s is a fact of an element, not of the network", text, name)
			}
			x.reads = append(x.reads, v)
		} else if env.lists[name] != nil {
			x.lists = append(x.lists, name)
		}
	}
	var bad error
	celast.PostOrderVisit(ast.NativeRep().Expr(), celast.NewExprVisitor(func(e celast.Expr) {
		if e.Kind() != celast.CallKind {
			return
		}
		c := e.AsCall()
		if c.FunctionName() == "date" && len(c.Args()) == 1 {
			if s, ok := literal(c.Args()[0]).(types.String); ok {
				if d, err := place.ParseDate(string(s)); bad == nil && (err != nil || d == 0) {
					bad = fmt.Errorf("%s: date(%q): want YYYY-MM-DD", text, string(s))
				}
			}
		}
		if b, ok := boundOf(c); ok {
			x.bounds = append(x.bounds, b)
		}
	}))
	if bad != nil {
		return nil, bad
	}
	var err error
	x.program, err = env.cel.Program(ast, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(maxCost))
	return x, err
}

// literal is the value of a constant, nil for anything else.
func literal(e celast.Expr) ref.Val {
	if e.Kind() != celast.LiteralKind {
		return nil
	}
	return e.AsLiteral()
}

// boundOf is where a comparison of a fact with a number or a date turns.
func boundOf(c celast.CallExpr) (b bound, ok bool) {
	step := map[string]int64{"_>_": 0, "_<=_": 0, "_>=_": -1, "_<_": -1}
	turn, ok := step[c.FunctionName()]
	if !ok || len(c.Args()) != 2 {
		return b, false
	}
	if b.fact = factOf(c.Args()[0]); b.fact == "" {
		return b, false
	}
	switch right := c.Args()[1]; right.Kind() {
	case celast.LiteralKind:
		n, is := right.AsLiteral().(types.Int)
		b.at = int64(n) + turn
		return b, is
	case celast.CallKind:
		if call := right.AsCall(); call.FunctionName() == "date" && len(call.Args()) == 1 {
			s, is := literal(call.Args()[0]).(types.String)
			d, err := place.ParseDate(string(s))
			b.at, b.date = int64(d)+turn, true
			return b, is && err == nil
		}
	}
	return b, false
}

// factOf is how a fixture names what an expression reads, "" for others.
func factOf(e celast.Expr) string {
	switch e.Kind() {
	case celast.IdentKind:
		return e.AsIdent()
	case celast.SelectKind:
		if of := factOf(e.AsSelect().Operand()); of != "" {
			return strings.TrimPrefix(of+"."+e.AsSelect().FieldName(), "release.findings.")
		}
	case celast.CallKind:
		switch c := e.AsCall(); {
		case c.FunctionName() == "date" && len(c.Args()) == 1:
			return factOf(c.Args()[0])
		case c.FunctionName() == "_[_]" && factOf(c.Args()[0]) == "facts":
			if s, ok := literal(c.Args()[1]).(types.String); ok {
				return "fact." + string(s)
			}
		}
	}
	return ""
}

// variables checks that names are variables.
func (env *environment) variables(names ...string) error {
	for _, name := range names {
		if v := variableOf(name); v == nil || v.field == nil && v.list == nil {
			return fmt.Errorf("%q is no fact of an element", name)
		}
	}
	return nil
}

// truth is what a predicate comes to: yes, no, or not known for want of facts.
type truth struct {
	place.Truth
	missing []string
}

// cache holds what an expression came to for facts that were met.
type cache struct {
	of    map[string]truth
	bytes int
}

// maxCache bounds the facts that a cache keeps, in bytes; what does not fit is
// evaluated anew.
const maxCache = 64 << 20

func newCache() *cache { return &cache{of: map[string]truth{}} }

// activation gives an expression its variables.
type activation struct {
	s     *scene
	node  int
	names map[string]ref.Val // lists
}

// ResolveName returns a variable's value.
func (a *activation) ResolveName(name string) (any, bool) {
	if v := variableOf(name); v != nil {
		return v.value(a.s, a.node), true
	}
	l, ok := a.names[name]
	return l, ok
}

// Parent is none: see the interface of cel.Activation.
func (a *activation) Parent() cel.Activation { return nil }

// eval evaluates a predicate for a node; a nil one is true. A fault of the
// predicate itself, such as one that takes too many steps, is kept in the scene.
func (x *expression) eval(s *scene, node int, seen *cache) truth {
	if x == nil {
		return truth{Truth: place.Yes}
	}
	s.key = s.key[:0]
	for _, v := range x.reads {
		s.key = v.key(s, node, s.key)
	}
	if t, ok := seen.of[string(s.key)]; ok {
		return t
	}
	out, _, err := x.program.Eval(&activation{s, node, s.lists})
	var t truth
	switch b, isBool := out.(types.Bool); {
	case isBool && bool(b):
		t.Truth = place.Yes
	case isBool:
		t.Truth = place.No
	default:
		for _, v := range x.reads {
			if types.IsUnknown(v.value(s, node)) {
				t.missing = append(t.missing, v.name)
			}
		}
		if name := s.absent(err); name != "" && !slices.Contains(t.missing, name) {
			t.missing = append(t.missing, name)
		}
		if stopped(err) {
			s.fault = cmp.Or(s.fault, fmt.Errorf("%s: takes more than %d steps for one element", x.text, maxCost))
		} else if err != nil && len(t.missing) == 0 { // a fact that is none, such as a date
			t.missing = append(t.missing, err.Error())
		}
	}
	if seen.bytes < maxCache {
		seen.of[string(s.key)] = t
		seen.bytes += len(s.key) + 64
	}
	return t
}

// absent names the entry of a map whose absence made an error; "" for others.
func (s *scene) absent(err error) string {
	if err == nil {
		return ""
	}
	key, ok := strings.CutPrefix(err.Error(), "no such key: ")
	switch {
	case !ok:
		return ""
	case slices.Contains(releaseFacts, key):
		return "release." + key
	}
	return "fact " + key
}

// stopped tells whether an evaluation took too many steps.
func stopped(err error) bool {
	var stop interpreter.EvalCancelledError
	return errors.As(err, &stop) && stop.Cause == interpreter.CostLimitExceeded
}

func appendText(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}
