// Command feeds writes vulnerability feeds of real size, the same at each
// run, imports them with wardein's importer and prints what that took. Names
// and texts are made up; forms, sizes and numbers are those of the NVD and the
// CVE list of 2026: 340,000 records, 2.5 million ranges. A day's changes are
// 5,000 records of the NVD and 1,500 of the CVE list.
//
//	go run ./bench/feeds            write, import, match, import a day's changes
//	go run ./bench/feeds -n 10000   fewer records
//	go run ./bench/feeds -write DIR write the files only
//	go run ./bench/feeds -feeds DIR use the files that are there
package main

import (
	"archive/zip"
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/klauspost/compress/flate"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/vulndb"
	"github.com/wardein/wardein/vulndb/feed"
)

func main() {
	n := flag.Int("n", 340_000, "records of each of both feeds")
	dir := flag.String("write", "", "write the feeds into this `FOLDER` and do no more")
	have := flag.String("feeds", "", "import the feeds in this `FOLDER`, written before")
	day := flag.String("changes", "", "write a day's changes into this `FOLDER` and do no more")
	imp := flag.String("import", "", "import this `FOLDER` into -db (a step of its own, to be measured)")
	db := flag.String("db", "", "the database")
	match := flag.Bool("match", false, "match 1,000 components against -db (a step of its own)")
	flag.Parse()
	feed.TuneCollector() // as wardein has it
	var err error
	switch {
	case *dir != "":
		err = write(*dir, *n)
	case *day != "":
		err = changes(*day, *n)
	case *imp != "":
		err = load(*imp, *db)
	case *match:
		err = matchAll(*db)
	default:
		err = all(*n, *have)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "feeds:", err)
		os.Exit(1)
	}
}

// all runs each step as a process of its own and says what it took.
func all(n int, have string) error {
	work, err := os.MkdirTemp("", "wardein-feeds-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	feeds, day, db := filepath.Join(work, "feeds"), filepath.Join(work, "day"), filepath.Join(work, "vulnerabilities.db")
	if have != "" {
		feeds = have
	}
	for _, step := range [][]string{
		{"write", "-n", fmt.Sprint(n), "-write", feeds},
		{"import", "-import", feeds, "-db", db},
		{"match", "-match", "-db", db},
		{"changes", "-n", fmt.Sprint(n), "-changes", day},
		{"day", "-import", day, "-db", db},
		{"match", "-match", "-db", db},
	} {
		if step[0] == "write" && have != "" {
			continue
		}
		cmd := exec.Command(exe, step[1:]...)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		start := time.Now()
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s: %w", step[0], err)
		}
		use := cmd.ProcessState.SysUsage().(*syscall.Rusage)
		fmt.Printf("%-7s %.1f s, %.1f s of processor, %d MB of memory\n", step[0], time.Since(start).Seconds(), (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), use.Maxrss>>10)
	}
	return nil
}

func load(dir, path string) error {
	w, err := vulndb.Create(path, false)
	if err != nil {
		return err
	}
	defer w.Abort()
	im := feed.New(w)
	start := time.Now()
	if err := im.Add(context.Background(), dir); err != nil {
		im.Close()
		return err
	}
	if err := im.Close(); err != nil {
		return err
	}
	read := time.Since(start)
	if err := w.Commit(); err != nil {
		return err
	}
	var records, says, bad int64
	for _, f := range im.Feeds() {
		records, says, bad = records+f.Records, says+f.Assertions, bad+f.Malformed
	}
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	fmt.Printf("        %d records, %d statements, %d malformed; read in %.1f s, written in %.1f s; %d MB on disk\n", records, says, bad, read.Seconds(), (time.Since(start) - read).Seconds(), st.Size()>>20)
	return nil
}

// matchAll looks 1,000 components up: the 50 products with the most records
// and 950 that are spread over the others.
func matchAll(path string) error {
	start := time.Now()
	db, err := vulndb.Open(path)
	if err != nil {
		return err
	}
	defer db.Close()
	opened := time.Since(start)
	rnd := rand.New(rand.NewPCG(7, 7))
	start = time.Now()
	hits := 0
	for i := range 1000 {
		at := i
		if i >= 50 {
			at = i * 40
		}
		vendor, product := productAt(at)
		list, err := db.Match(&wardein.Component{Name: product, Vendor: vendor, Product: product, Version: dotted(rnd)})
		if err != nil {
			return err
		}
		hits += len(list)
	}
	fmt.Printf("        1,000 components: %d matches in %.2f s; opened and hashed in %.2f s\n", hits, time.Since(start).Seconds(), opened.Seconds())
	return nil
}

const products = 60_000

// productAt names a product; low numbers are the common ones.
func productAt(i int) (vendor, product string) {
	if i == 0 {
		return "linux", "linux_kernel"
	}
	rnd := rand.New(rand.NewPCG(uint64(i), 3))
	return word(rnd) + word(rnd), fmt.Sprintf("%s_%s%d", word(rnd), word(rnd), i)
}

var syllables = strings.Fields("ba be bi bo bu da de di do du ka ke ki ko ku la le li lo lu ma me mi mo mu na ne ni no nu ra re ri ro ru sa se si so su ta te ti to tu")

func word(r *rand.Rand) string {
	var b strings.Builder
	for range 2 + r.IntN(2) {
		b.WriteString(syllables[r.IntN(len(syllables))])
	}
	return b.String()
}

func sentence(r *rand.Rand, n int) string {
	var b strings.Builder
	for b.Len() < n {
		b.WriteString(word(r))
		b.WriteByte(' ')
	}
	return strings.TrimSpace(b.String()) + "."
}

func dotted(r *rand.Rand) string {
	s := fmt.Sprintf("%d.%d", r.IntN(12), r.IntN(30))
	if r.IntN(3) > 0 {
		s += fmt.Sprintf(".%d", r.IntN(40))
	}
	return s
}

// pick draws a product: few have most of the records.
func pick(rnd *rand.Rand) func() (vendor, product string) {
	return func() (string, string) { return productAt(int(math.Pow(products, rnd.Float64())) - 1) }
}

const files = 25

func write(dir string, n int) error {
	rnd := rand.New(rand.NewPCG(1, 1))
	var sum sums
	number := 0
	next := func(year int) func() (int, int) {
		return func() (int, int) { number++; return year, number }
	}
	for y := range files {
		if err := sum.nvd(filepath.Join(dir, fmt.Sprintf("nvdcve-2.0-%d.json", 2002+y)), rnd, n/files, next(2002+y)); err != nil {
			return err
		}
	}
	number = 0
	err := sum.cves(filepath.Join(dir, "2026-11-20_all_CVEs_at_midnight.zip"), rnd, n/files*files, func() (int, int) {
		number++
		return 2002 + (number-1)/(n/files), number
	})
	fmt.Printf("        %d records, %d ranges, %.2f GB of JSON\n", n/files*files*2, sum.ranges, float64(sum.size)/1e9)
	return err
}

// changes writes records that are there already, with other contents.
func changes(dir string, n int) error {
	rnd := rand.New(rand.NewPCG(2, 2))
	any := func() (int, int) {
		i := rnd.IntN(n / files * files)
		return 2002 + i/(n/files), i + 1
	}
	var sum sums
	err := sum.nvd(filepath.Join(dir, "nvdcve-2.0-modified.json"), rnd, 5000, any)
	if err == nil {
		err = sum.cves(filepath.Join(dir, "2026-11-21_delta_CVEs_at_2300Z.zip"), rnd, 1500, any)
	}
	fmt.Printf("        6500 records, %d ranges, %.3f GB of JSON\n", sum.ranges, float64(sum.size)/1e9)
	return err
}

// sums are what was written.
type sums struct{ ranges, size int64 }

func (s *sums) nvd(path string, rnd *rand.Rand, n int, next func() (year, number int)) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := &sized{w: bufio.NewWriterSize(f, 1<<20)}
	fmt.Fprintf(w, `{"resultsPerPage":%d,"startIndex":0,"totalResults":%d,"format":"NVD_CVE","version":"2.0","timestamp":"2026-11-20T03:00:00.000","vulnerabilities":[`, n, n)
	for i := range n {
		if i > 0 {
			io.WriteString(w, ",\n")
		}
		year, number := next()
		s.ranges += writeNVD(w, rnd, year, number, pick(rnd))
	}
	io.WriteString(w, "]}\n")
	if err := w.w.Flush(); err != nil {
		return err
	}
	s.size += w.n
	return f.Close()
}

func (s *sums) cves(path string, rnd *rand.Rand, n int, next func() (year, number int)) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(f, 1<<20)
	z := zip.NewWriter(out)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, 1) })
	for range n {
		year, number := next()
		m, err := z.Create(fmt.Sprintf("cves/%d/%dxxx/CVE-%d-%d.json", year, number/1000, year, number))
		if err != nil {
			return err
		}
		w := &sized{w: bufio.NewWriter(m)}
		s.ranges += writeCVE(w, rnd, year, number, pick(rnd))
		if err := w.w.Flush(); err != nil {
			return err
		}
		s.size += w.n
	}
	if err := errors.Join(z.Close(), out.Flush()); err != nil {
		return err
	}
	return f.Close()
}

type sized struct {
	w *bufio.Writer
	n int64
}

func (s *sized) Write(p []byte) (int, error) { s.n += int64(len(p)); return s.w.Write(p) }

func writeNVD(w io.Writer, r *rand.Rand, year, number int, pick func() (string, string)) (n int64) {
	id := fmt.Sprintf("CVE-%d-%d", year, number)
	score := float64(20+r.IntN(80)) / 10
	fmt.Fprintf(w, `{"cve":{"id":"%s","sourceIdentifier":"cve@%s.example","published":"%d-05-06T17:15:09.510","lastModified":"2024-11-21T06:51:33.973","vulnStatus":"Modified","cveTags":[],"descriptions":[{"lang":"en","value":"%s"},{"lang":"es","value":"%s"}],`, id, word(r), year, sentence(r, 300), sentence(r, 320))
	fmt.Fprintf(w, `"metrics":{"cvssMetricV31":[{"source":"nvd@nist.gov","type":"Primary","cvssData":{"version":"3.1","vectorString":"CVSS:3.1\/AV:N\/AC:L\/PR:L\/UI:N\/S:U\/C:N\/I:H\/A:N","baseScore":%.1f,"baseSeverity":"MEDIUM","attackVector":"NETWORK","attackComplexity":"LOW","privilegesRequired":"LOW","userInteraction":"NONE","scope":"UNCHANGED","confidentialityImpact":"NONE","integrityImpact":"HIGH","availabilityImpact":"NONE"},"exploitabilityScore":2.8,"impactScore":3.6}]},`, score)
	fmt.Fprintf(w, `"weaknesses":[{"source":"nvd@nist.gov","type":"Primary","description":[{"lang":"en","value":"CWE-%d"}]}],"configurations":[{"nodes":[{"operator":"OR","negate":false,"cpeMatch":[`, 20+r.IntN(900))
	vendor, product := pick()
	lines := 1 + r.IntN(10)
	if r.IntN(50) == 0 {
		lines = 40
	}
	for i := range lines {
		if i > 0 {
			io.WriteString(w, ",")
		}
		if r.IntN(4) == 0 {
			vendor, product = pick()
		}
		n++
		uuid := fmt.Sprintf("%08X-%04X-4%03X-A%03X-%012X", r.Uint32(), r.IntN(1<<16), r.IntN(1<<12), r.IntN(1<<12), r.Uint64()>>16)
		switch r.IntN(5) {
		case 0, 1:
			fmt.Fprintf(w, `{"vulnerable":true,"criteria":"cpe:2.3:a:%s:%s:%s:*:*:*:*:*:*:*","matchCriteriaId":"%s"}`, vendor, product, dotted(r), uuid)
		case 2, 3:
			a := r.IntN(9)
			fmt.Fprintf(w, `{"vulnerable":true,"criteria":"cpe:2.3:a:%s:%s:*:*:*:*:*:*:*:*","versionStartIncluding":"%d.%s","versionEndExcluding":"%d.%d","matchCriteriaId":"%s"}`, vendor, product, a, dotted(r), a+1+r.IntN(3), r.IntN(9), uuid)
		default:
			fmt.Fprintf(w, `{"vulnerable":true,"criteria":"cpe:2.3:a:%s:%s:*:*:*:*:*:*:*:*","versionEndIncluding":"%s","matchCriteriaId":"%s"}`, vendor, product, dotted(r)+".1", uuid)
		}
	}
	io.WriteString(w, `]}]}],"references":[`)
	for i := range 2 + r.IntN(6) {
		if i > 0 {
			io.WriteString(w, ",")
		}
		fmt.Fprintf(w, `{"url":"https:\/\/%s.example\/%s\/advisories\/%d","source":"af854a3a-2127-422b-91ae-364da2661108","tags":["Vendor Advisory"]}`, word(r), word(r), r.IntN(1<<20))
	}
	io.WriteString(w, `]}}`)
	return n
}

func writeCVE(w io.Writer, r *rand.Rand, year, number int, pick func() (string, string)) (n int64) {
	vendor, product := pick()
	fmt.Fprintf(w, "{\n    \"dataType\": \"CVE_RECORD\",\n    \"dataVersion\": \"5.1\",\n    \"cveMetadata\": {\n        \"cveId\": \"CVE-%d-%d\",\n        \"assignerOrgId\": \"53f830b8-0a3f-465b-8143-3b8a9948e749\",\n        \"state\": \"PUBLISHED\",\n        \"assignerShortName\": \"%s\",\n        \"dateReserved\": \"%d-01-02T00:00:00.000Z\",\n        \"datePublished\": \"%d-05-06T00:00:00.000Z\",\n        \"dateUpdated\": \"2024-08-05T01:54:03.000Z\"\n    },\n", year, number, word(r), year, year)
	fmt.Fprintf(w, "    \"containers\": {\n        \"cna\": {\n            \"providerMetadata\": {\n                \"orgId\": \"53f830b8-0a3f-465b-8143-3b8a9948e749\",\n                \"shortName\": \"%s\",\n                \"dateUpdated\": \"2024-08-05T01:54:03.000Z\"\n            },\n            \"affected\": [\n                {\n                    \"vendor\": \"%s\",\n                    \"product\": \"%s\",\n                    \"defaultStatus\": \"unaffected\",\n                    \"versions\": [", word(r), vendor, product)
	for i := range 1 + r.IntN(3) {
		if i > 0 {
			io.WriteString(w, ",")
		}
		n++
		fmt.Fprintf(w, "\n                        {\n                            \"version\": \"%d.0\",\n                            \"lessThan\": \"%d.%s\",\n                            \"status\": \"affected\",\n                            \"versionType\": \"custom\"\n                        }", i*3, i*3+1, dotted(r))
	}
	fmt.Fprintf(w, "\n                    ]\n                }\n            ],\n            \"descriptions\": [\n                {\n                    \"lang\": \"en\",\n                    \"value\": \"%s\"\n                }\n            ],\n            \"references\": [", sentence(r, 300))
	for i := range 1 + r.IntN(6) {
		if i > 0 {
			io.WriteString(w, ",")
		}
		fmt.Fprintf(w, "\n                {\n                    \"name\": \"%s\",\n                    \"tags\": [\n                        \"vendor-advisory\",\n                        \"x_refsource_%s\"\n                    ],\n                    \"url\": \"https://%s.example/%s/%d\"\n                }", word(r), word(r), word(r), word(r), r.IntN(1<<20))
	}
	fmt.Fprintf(w, "\n            ],\n            \"title\": \"%s\"\n        }\n    }\n}\n", sentence(r, 60))
	return n
}
