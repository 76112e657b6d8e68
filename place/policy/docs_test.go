package policy

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the tables of docs/policy-packs.md")

// TestDocs: the tables of docs/policy-packs.md are those of the packs and of the
// variables, and its example is a pack whose fixtures end as they say.
func TestDocs(t *testing.T) {
	const file = "../../docs/policy-packs.md"
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	packs, err := Packs()
	if err != nil {
		t.Fatal(err)
	}
	var all, vars strings.Builder
	for _, p := range packs {
		p.document(&all)
	}
	vars.WriteString("| variable | type | is |\n|---|---|---|\n")
	for _, v := range variables {
		notes := ""
		if v.network {
			notes = "; of the network"
		}
		if v.origin {
			notes += "; says who made something"
		}
		fmt.Fprintf(&vars, "| `%s` | %s | %s%s |\n", v.name, cell(v.typ.String()), cell(v.about), notes)
	}
	text := between(t, string(b), "<!-- packs: written by go test ./place/policy -run TestDocs -update -->\n", all.String())
	text = between(t, text, "<!-- variables -->\n", vars.String())
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	} else if text != string(b) {
		t.Error("docs/policy-packs.md is not what the packs say: go test ./place/policy -run TestDocs -update")
	}

	_, example, _ := strings.Cut(text, "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	p, err := Read(strings.NewReader(example))
	if err != nil {
		t.Fatal(err)
	}
	if _, wrong := p.Test(context.Background()); len(wrong) > 0 {
		t.Error(wrong)
	}
	if gaps := p.Untested(context.Background()); len(gaps) > 0 {
		t.Error(gaps)
	}
}

// between puts text behind a mark, up to the next end.
func between(t *testing.T, page, mark, text string) string {
	head, rest, ok1 := strings.Cut(page, mark)
	_, tail, ok2 := strings.Cut(rest, "<!-- end -->")
	if !ok1 || !ok2 {
		t.Fatalf("no %q", mark)
	}
	return head + mark + text + "<!-- end -->" + tail
}

func cell(s string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(s), " "), "|", "\\|")
}

func (p *Pack) document(w *strings.Builder) {
	fmt.Fprintf(w, "### %s: %s\n\n", p.ID, p.Title)
	if p.About != "" {
		fmt.Fprintf(w, "%s\n\n", strings.TrimSpace(p.About))
	}
	checked := p.Source.Checked
	if checked == "" {
		checked = "not compared"
	}
	fmt.Fprintf(w, "Source: %s; %s. Transcribed %s. Compared %s.\n\n", p.Source.Title, p.Source.Reference, p.Source.Transcribed, checked)
	w.WriteString("| rule | clause | binds | kind | status |\n|---|---|---|---|---|\n")
	for i := range p.Rules {
		r := &p.Rules[i]
		binds := "always"
		switch {
		case r.From != 0 && r.To != 0:
			binds = r.From.String() + " until " + r.To.Add(-1).String()
		case r.From != 0:
			binds = "from " + r.From.String()
		}
		fmt.Fprintf(w, "| **%s** %s | %s | %s | %s | %s |\n", r.ID, cell(r.Title), cell(r.Clause), binds, r.Kind, r.Status)
	}
	w.WriteString("\n")
	for i := range p.Rules {
		if r := &p.Rules[i]; r.Unconfirmed != "" {
			fmt.Fprintf(w, "- Unconfirmed of %s: %s.\n", r.ID, r.Unconfirmed)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Layers)) {
		fmt.Fprintf(w, "- Layer `%s`: %s.\n", name, strings.Join(p.Layers[name], ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(p.Lists)) {
		var entries []string
		for _, l := range p.Lists[name] {
			text := l.Name
			if l.From != 0 {
				text += " from " + l.From.String()
			}
			if l.To != 0 {
				text += " until " + l.To.Add(-1).String()
			}
			entries = append(entries, text+" ("+l.Source+")")
		}
		fmt.Fprintf(w, "- List `%s`: %s.\n", name, strings.Join(entries, "; "))
	}
	w.WriteString("\n")
}
