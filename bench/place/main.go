// Command place measures the questions of package place on a synthetic network
// of 100,000 elements, and asks gonum, igraph and networkx the same where they
// can be asked: distances from one source, and single points of failure.
//
//	go run ./bench/place [-elements 100000] [-peers [-python /usr/bin/python3]]
//
// Peers in Python are measured where Debian's python3-networkx or python3-igraph
// (or others of that name) are installed; none is fetched.
package main

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"flag"
	"fmt"
	"io"
	"log"
	"math"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"gonum.org/v1/gonum/graph/path"
	"gonum.org/v1/gonum/graph/simple"

	"github.com/wardein/wardein/place"
	"github.com/wardein/wardein/place/exposure"
	"github.com/wardein/wardein/place/gen"
	"github.com/wardein/wardein/place/graph"
	"github.com/wardein/wardein/place/plan"
	"github.com/wardein/wardein/place/policy"
	"github.com/wardein/wardein/place/reader/csv"
)

//go:embed peers.py
var script string

var elements = flag.Int("elements", 100_000, "how many elements")
var python3 = flag.String("python", "python3", "the interpreter that has the peers")
var peers = flag.Bool("peers", false, "ask gonum, igraph and networkx, too")

func main() {
	log.SetFlags(0)
	flag.Parse()
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

// took prints how long something took, in wall and processor time.
func took(what string, do func() string) {
	runtime.GC()
	before, began := cpu(), time.Now()
	note := do()
	fmt.Printf("%-58s %9.3f s wall %9.3f s CPU   %s\n", what, time.Since(began).Seconds(), (cpu() - before).Seconds(), note)
}

func cpu() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

type memory struct{ bytes.Buffer }

func (*memory) Close() error { return nil }

func run() error {
	ctx := context.Background()
	net, err := gen.Network(gen.Options{Elements: *elements, Seed: 1})
	if err != nil {
		return err
	}
	fmt.Printf("%d elements, %d links, %s, %d processors\n\n", net.Nodes(), len(net.Links), runtime.Version(), runtime.GOMAXPROCS(0))
	files := map[string]*memory{}
	if err := csv.Write(net, func(name string) (io.WriteCloser, error) { files[name] = &memory{}; return files[name], nil }); err != nil {
		return err
	}
	took("import of the tables", func() string {
		b := place.NewBuilder()
		size := 0
		for name, f := range files {
			size += f.Len()
			in := place.Input{Name: name, Source: b.Source(place.Source{Name: name}), Reader: bytes.NewReader(f.Bytes())}
			if rerr := csv.Reader.Read(ctx, b, in); rerr != nil {
				err = rerr
			}
		}
		n := b.Finish()
		return fmt.Sprintf("%d MB, %d gaps", size>>20, len(n.Gaps))
	})
	if err != nil {
		return err
	}
	files = nil
	s := net.At(place.Day(2027, 12, 31))
	var g *graph.Graph
	took("graph of a day", func() string { g = exposure.Graph(s); return "" })
	member := make([]uint64, g.Len())
	for node := range member {
		member[node] = 1 << max(net.VendorOf(s.Of(node)), 0)
	}
	core := make([]int32, 0, 24)
	for node := range member {
		if s.Of(node).Tier == "core" && len(core) < 24 {
			core = append(core, int32(node))
		}
	}
	search := g.NewSearch()
	took(fmt.Sprintf("expected, 5 vendors, %d gateways", len(core)), func() string {
		for _, v := range core {
			search.From(v)
			search.Avoid(member, 5, graph.ByHop, false)
		}
		return ""
	})
	took("the same for content (tunnels)", func() string {
		for _, v := range core {
			search.From(v)
			search.Avoid(member, 5, graph.ByHop, true)
		}
		return ""
	})
	took("removal of each of 5 vendors (always), all gateways", func() string { g.Free(core, member, false); return "" })
	took("could, 5 vendors, one gateway", func() string { g.Could(core[:1], member, false); return "" })
	took("single points of failure", func() string {
		c := g.Cuts()
		nodes, edges := 0, 0
		for _, x := range c.Nodes {
			if x {
				nodes++
			}
		}
		for _, x := range c.Edges {
			if x {
				edges++
			}
		}
		return fmt.Sprintf("%d nodes, %d edges", nodes, edges)
	})
	const sample = 60
	near, number := g.Renumbered() // as exposure.AllPairs does
	moved := make([]uint64, len(member))
	for v, k := range number {
		moved[k] = member[v]
	}
	all := near.NewSearch()
	began := cpu()
	took(fmt.Sprintf("all pairs, 5 vendors: %d sources of %d", sample, g.Len()), func() string {
		for i := range sample {
			all.From(int32(i * g.Len() / sample))
			all.Avoid(moved, 5, graph.ByHop, false)
		}
		return fmt.Sprintf("%.1f CPU-min for all", (cpu()-began).Minutes()/sample*float64(g.Len()))
	})
	took("exposure of all demands by vendor, four views", func() string { _, err = exposure.Of(ctx, s, exposure.Options{By: "vendor"}); return "" })
	if err != nil {
		return err
	}
	packs, err := policy.Packs()
	if err != nil {
		return err
	}
	took("rules of all packs", func() string {
		rules := 0
		for _, p := range packs {
			r, jerr := p.Judge(ctx, s, policy.Options{})
			if jerr != nil {
				err = jerr
			}
			rules += len(r)
		}
		return fmt.Sprintf("%d rules", rules)
	})
	if err != nil {
		return err
	}
	took("what if: a region's radio of one vendor replaced", func() string {
		var nodes []int32
		for node := range s.Element {
			e := s.Of(node)
			if at := net.SiteOf(e); at >= 0 && net.Sites[at].Region == "north" && e.Vendor == "alder" && e.Access == "mobile" {
				nodes = append(nodes, int32(node))
			}
		}
		after := plan.Replace(s, nodes, s.Date, "what-if").Apply(net).At(s.Date)
		_, err = exposure.Of(ctx, after, exposure.Options{By: "vendor"})
		return fmt.Sprintf("%d elements", len(nodes))
	})
	if err != nil {
		return err
	}
	var used syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	fmt.Printf("\npeak %d MB\n", used.Maxrss>>10)
	if !*peers {
		return nil
	}
	fmt.Println("\nPEERS, distances from one source and single points of failure, the same graph")
	took("wardein: distances from one source", func() string { search.From(core[0]); return "" })
	edges := edgesOf(s)
	var o *simple.WeightedUndirectedGraph
	took("gonum: graph", func() string { o = oracle(g.Len(), edges); return "" })
	took("gonum: distances from one source", func() string { path.DijkstraFrom(simple.Node(core[0]), o); return "" })
	return python(edges, core[0])
}

func edgesOf(s *place.Snapshot) (edges []graph.Edge) {
	for _, k := range s.Links {
		l := &s.Network.Links[k]
		a, b := s.Ends(l)
		edges = append(edges, graph.Edge{A: int32(a), B: int32(b), Cost: uint32(l.Cost)})
	}
	return edges
}

func oracle(n int, edges []graph.Edge) *simple.WeightedUndirectedGraph {
	o := simple.NewWeightedUndirectedGraph(0, math.Inf(1))
	for v := range n {
		o.AddNode(simple.Node(v))
	}
	for _, e := range edges {
		o.SetWeightedEdge(o.NewWeightedEdge(simple.Node(e.A), simple.Node(e.B), float64(e.Cost)))
	}
	return o
}

// python asks the peers that are written in it.
func python(edges []graph.Edge, source int32) error {
	f, err := os.CreateTemp("", "wardein-bench-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	w := bufio.NewWriter(f)
	for _, e := range edges {
		fmt.Fprintln(w, e.A, e.B, e.Cost)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	cmd := exec.Command(*python3, "-", f.Name(), fmt.Sprint(source))
	cmd.Stdin = strings.NewReader(script)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}
