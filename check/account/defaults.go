package account

import (
	"crypto/sha256"
	_ "embed"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/wardein/wardein"
)

//go:embed data/defaults.tsv
var defaultsTable string

// Defaults are passwords that were published as the default of a product. A
// password field that stands in a release is compared with those of its
// account's name, and with no other word.
//
// Nothing that is found is kept beyond the report, and no fact of Node depends
// on it: so what is cached by content holds no password, and the same whether
// or not a user asked for this.
type Defaults struct {
	// Digest is that of the data.
	Digest wardein.Digest
	byUser map[string][]published
	source map[string]string // title by id

	steps int64 // left
	known map[string]int
}

// published is a line of data/defaults.tsv.
type published struct{ word, product, source string }

// maxAllSteps bounds the comparisons of one release: some 20 s.
const maxAllSteps = 100 << 20

// PublishedDefaults reads the data.
func PublishedDefaults() *Defaults {
	d := &Defaults{Digest: sha256.Sum256([]byte(defaultsTable)), byUser: map[string][]published{}, source: map[string]string{}, steps: maxAllSteps, known: map[string]int{}}
	for line := range strings.Lines(defaultsTable) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		switch {
		case line[0] == '#' || len(f) != 4:
		case line[0] == '@':
			d.source[f[0][1:]] = f[1] + ", " + f[2]
		default:
			d.byUser[f[0]] = append(d.byUser[f[0]], published{f[1], f[2], f[3]})
		}
	}
	return d
}

// Match compares the password fields that the check stated facts about with
// the defaults, and states which are opened by one. r is the content that
// holds them.
func (d *Defaults) Match(r io.ReaderAt, facts []wardein.Fact) (more []wardein.Fact, err error) {
	for _, f := range facts {
		kind := f.Attr("password")
		if f.Kind == "ssh-key" || !isHash(kind) && kind != "plain" || f.Len <= 0 || f.Len > maxField || len(d.byUser[f.Attr("user")]) == 0 {
			continue
		}
		p := make([]byte, f.Len)
		if n, err := r.ReadAt(p, f.Off); n < len(p) {
			return nil, err
		}
		field, ok := decode(f.Attr("form"), string(p))
		if !ok {
			continue
		}
		fact := wardein.Fact{Off: f.Off, Len: f.Len}
		words, which, err := d.find(kind, f.Attr("user"), field)
		switch {
		case errors.Is(err, errField):
			continue
		case err != nil:
			fact.Kind, fact.Attrs = "not-compared", []wardein.Note{{Name: "why", Value: err.Error()}, {Name: "password", Value: kind}}
		case which < 0:
			continue
		default:
			fact.Kind, fact.Attrs = "published", d.said(words, which)
		}
		more = append(more, fact)
	}
	return more, nil
}

// errBudget says that the comparisons of a release ran out.
var errBudget = errors.New("the limit for a release")

// find returns the defaults of an account's name and which of them opens it,
// -1 for none.
func (d *Defaults) find(kind, user, field string) (words []published, which int, err error) {
	words = d.byUser[user]
	key := kind + " " + user + " " + field
	if i, ok := d.known[key]; ok {
		return words, i, nil
	}
	s, err := readScheme(kind, user, field)
	if err != nil {
		return nil, -1, err
	}
	if s.steps > maxSteps {
		return nil, -1, errors.New("a comparison takes " + strconv.FormatInt(s.steps, 10) + " steps, the limit is " + strconv.Itoa(maxSteps))
	}
	which = -1
	tried := map[string]bool{}
	for i, w := range words {
		if tried[w.word] {
			continue
		}
		tried[w.word] = true
		if d.steps -= s.steps; d.steps < 0 {
			d.steps = 0
			return nil, -1, errBudget
		}
		if s.opens(w.word) {
			which = i
			break
		}
	}
	if len(d.known) < 10_000 {
		d.known[key] = which
	}
	return words, which, nil
}

// said names products and sources of a default, never the word.
func (d *Defaults) said(words []published, which int) []wardein.Note {
	var products, sources []string
	for _, w := range words {
		if w.word != words[which].word {
			continue
		}
		if !slices.Contains(products, w.product) && w.product != "not named there" {
			products = append(products, w.product)
		}
		if s := d.source[w.source]; !slices.Contains(sources, s) {
			sources = append(sources, s)
		}
	}
	return []wardein.Note{{Name: "products", Value: some(products)}, {Name: "sources", Value: some(sources)}}
}

// some lists three of many.
func some(list []string) string {
	if more := len(list) - 3; more > 0 {
		return strings.Join(list[:3], ", ") + " and " + strconv.Itoa(more) + " more"
	}
	return strings.Join(list, ", ")
}
