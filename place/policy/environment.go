package policy

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

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
	text    string
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
	fold, err := cel.NewConstantFoldingOptimizer()
	if err != nil {
		return nil, err
	}
	opt, err := cel.NewStaticOptimizer(fold)
	if err != nil {
		return nil, err
	}
	folded, issues := opt.Optimize(env.cel, ast)
	if err := issues.Err(); err != nil {
		return nil, err
	}
	// Expressions end by their nature; the limit is for macros over lists.
	x.program, err = env.cel.Program(folded, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(1_000_000))
	return x, err
}

// variables checks that names are variables.
func (env *environment) variables(names []string) error {
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
type cache map[string]truth

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

// eval evaluates a predicate for a node; a nil one is true.
func (x *expression) eval(s *scene, node int, seen cache, buf []byte) (truth, []byte) {
	if x == nil {
		return truth{Truth: place.Yes}, buf
	}
	buf = buf[:0]
	for _, v := range x.reads {
		buf = v.key(s, node, buf)
	}
	if t, ok := seen[string(buf)]; ok {
		return t, buf
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
		if err != nil && len(t.missing) == 0 {
			fact, other := strings.CutPrefix(err.Error(), "no such key: ")
			if other {
				fact = "fact " + fact
			}
			t.missing = append(t.missing, fact)
		}
	}
	if len(seen) < 1<<20 {
		seen[string(buf)] = t
	}
	return t, buf
}

func appendText(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}
