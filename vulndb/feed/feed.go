// Package feed imports what publishers of vulnerability data give away into a
// database, as streams: no file is read as a whole unless it is one record,
// and what is hostile in it is bounded.
//
//	nvd      NVD API 2.0 and its yearly files     vulnerabilities[].cve
//	cve      CVE list, one record a file          dataType CVE_RECORD 5.x
//	osv      OSV, one record a file               id, modified, affected
//	csaf     CSAF 2.0 documents, VEX or advisory  document, product_tree
//	openvex  OpenVEX documents                    @context, statements
//	alpine   secdb, one file a branch and folder  packages[].pkg.secfixes
//	debian   the security tracker's JSON          package → CVE → releases
//	kev      CISA's known exploited ones          catalogVersion
//	epss     EPSS scores                          CSV with #model_version
//
// Files may be packed with gzip, xz, zstd or bzip2, and stand in folders, zip and
// tar files, also one in another, as the CVE list is released.
//
// A record that cannot be read is counted and named. A file that breaks off
// ends the import with an error, and nothing of it is visible.
package feed

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/wardein/wardein/vulndb"
)

// Bounds of what is read.
const (
	maxRecord = 64 << 20 // bytes of one record
	maxSays   = 200_000  // statements of one record
	batchSize = 512 << 10
)

// item is one record as it stands.
type item struct {
	feed       int
	name       string // file, or place in it
	kind, date string // of the file that holds it
	raw        []byte
	read       reader
	bad        error // known before it is read
}

// reader reads an item and hands out records, exploited, likelihoods and
// counts.
type reader func(it item, out func(any)) error

// Import reads files into a database.
type Import struct {
	db *vulndb.Writer
	// Read is how many bytes of the files on disk were read, Records how many
	// records were found: what a progress line says.
	Read, Records atomic.Int64
	// Skipped are files that hold nothing that is read, with the reason.
	Skipped []string

	// Unchanged are files that the database holds already.
	Unchanged []string

	// Day is the date of feeds that state none; "" takes the file's.
	Day string

	kept   []*vulndb.Feed
	spare  []*bufio.Reader
	holds  map[string]bool        // digests of files that are there already
	name   atomic.Pointer[string] // of the file that is read
	newest map[int]bool           // feeds whose date is that of their newest record
	batch  []item
	size   int
	jobs   chan *job
	order  chan *job
	done   sync.WaitGroup
	fail   atomic.Pointer[error]
	ended  chan struct{}
}

// job is a batch and what was read from it.
type job struct {
	items []item
	found []result
	ready chan struct{}
}

type result struct {
	it    *item
	value any // or an error
}

// at notes which file is read.
func (im *Import) at(name string) { im.name.Store(&name) }

// Name is the file that is read, "" before the first.
func (im *Import) Name() string {
	if n := im.name.Load(); n != nil {
		return *n
	}
	return ""
}

// New begins an import into a database that is being written.
func New(db *vulndb.Writer) *Import {
	im := &Import{db: db, newest: map[int]bool{}, jobs: make(chan *job, 4), order: make(chan *job, 8), ended: make(chan struct{})}
	for range max(runtime.GOMAXPROCS(0), 2) {
		im.done.Go(func() {
			for j := range im.jobs {
				j.run()
				close(j.ready)
			}
		})
	}
	go im.write()
	return im
}

func (j *job) run() {
	for i := range j.items {
		it := &j.items[i]
		err := it.bad
		if err == nil {
			err = it.parse(func(v any) { j.found = append(j.found, result{it, v}) })
		}
		if err != nil {
			j.found = append(j.found, result{it, err})
		}
	}
}

// parse reads an item; a mistake in a reader is an item that cannot be read.
func (it *item) parse(out func(any)) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("reader failed: %v", v)
		}
	}()
	return it.read(*it, out)
}

// write puts what was read into the database, in the order of the input.
func (im *Import) write() {
	defer close(im.ended)
	for j := range im.order {
		<-j.ready
		for _, r := range j.found {
			if im.fail.Load() != nil {
				break
			}
			if err := im.put(r); err != nil {
				im.fail.CompareAndSwap(nil, &err)
			}
		}
	}
}

func (im *Import) put(r result) error {
	f := r.it.feed
	switch v := r.value.(type) {
	case *vulndb.Record:
		im.Records.Add(1)
		if k := im.kept[f]; im.newest[f] {
			k.Date = max(k.Date, date(v.Date))
		}
		return im.db.Add(f, v)
	case vulndb.Exploited:
		im.Records.Add(1)
		return im.db.AddExploited(f, v)
	case vulndb.Likelihood:
		im.Records.Add(1)
		return im.db.AddLikelihood(f, v)
	case unordered:
		im.kept[f].Unordered += int64(v)
		return nil
	case error:
		name := r.it.name
		var known *recordError
		if errors.As(v, &known) {
			name = known.name
		}
		return im.db.Malformed(f, name, v.Error())
	}
	return fmt.Errorf("feed: cannot keep a %T", r.value)
}

// begin begins a feed, when all that was read before is written.
func (im *Import) begin(f *vulndb.Feed) (int, error) {
	if err := im.drain(); err != nil {
		return 0, err
	}
	im.kept = append(im.kept, f)
	n, err := im.db.Begin(f)
	switch f.Source {
	case vulndb.CVE, vulndb.OSV, vulndb.CSAF, vulndb.OpenVEX:
		im.newest[n] = true
	}
	return n, err
}

// add takes an item; its bytes are copied.
func (im *Import) add(ctx context.Context, it item) error {
	it.raw = bytes.Clone(it.raw)
	im.batch = append(im.batch, it)
	if im.size += len(it.raw) + 64; im.size < batchSize {
		return nil
	}
	return im.flush(ctx)
}

func (im *Import) flush(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := im.fail.Load(); err != nil {
		return *err
	}
	if len(im.batch) == 0 {
		return nil
	}
	j := &job{items: im.batch, ready: make(chan struct{})}
	im.batch, im.size = nil, 0
	im.order <- j
	im.jobs <- j
	return nil
}

// drain waits until all that was added is in the database.
func (im *Import) drain() error {
	if err := im.flush(context.Background()); err != nil {
		return err
	}
	close(im.order)
	<-im.ended
	im.order, im.ended = make(chan *job, 8), make(chan struct{})
	go im.write()
	if err := im.fail.Load(); err != nil {
		return *err
	}
	return nil
}

// Close waits until everything is in the database; it must be called before
// its Commit. Nothing can be added any more.
func (im *Import) Close() error {
	im.at("")
	err := im.flush(context.Background())
	close(im.jobs)
	im.done.Wait()
	close(im.order)
	<-im.ended
	if e := im.fail.Load(); e != nil {
		err = *e
	}
	return err
}

// memory is what the collector keeps an import below: an index of hundreds of
// thousands of records and of an archive's members lives through all of it.
const memory = 300 << 20

// TuneCollector bounds the memory of a process that imports.
func TuneCollector() { debug.SetMemoryLimit(memory) }

// Feeds are what was imported, with their counts.
func (im *Import) Feeds() []*vulndb.Feed { return im.kept }

// kind is what a file is.
type kind struct {
	source string
	read   reader
	walk   func(im *Import, ctx context.Context, s *stream, f *vulndb.Feed) error // nil: one record
}

var kinds = map[string]kind{
	vulndb.NVD:     {vulndb.NVD, nvd, walkNVD},
	vulndb.KEV:     {vulndb.KEV, exploited, walkKEV},
	vulndb.Alpine:  {vulndb.Alpine, secdb, walkSecdb},
	vulndb.Debian:  {vulndb.Debian, tracker, walkTracker},
	vulndb.CVE:     {vulndb.CVE, cve5, nil},
	vulndb.OSV:     {vulndb.OSV, osv, nil},
	vulndb.CSAF:    {vulndb.CSAF, csaf, nil},
	vulndb.OpenVEX: {vulndb.OpenVEX, openVEX, nil},
}

// detect tells from its beginning what a JSON file is; "" is none of these.
func detect(head []byte) string {
	keys := shallow(head)
	has := func(depth int, names ...string) bool {
		for _, n := range names {
			if !contains(keys[depth], n) {
				return false
			}
		}
		return true
	}
	switch {
	case has(1, "catalogVersion"), has(1, "vulnerabilities") && has(3, "cveID"):
		return vulndb.KEV
	case has(1, "document") && has(2, "tracking"), has(1, "document", "vulnerabilities"):
		return vulndb.CSAF
	case has(1, "vulnerabilities") && (has(3, "cve") || has(1, "format") || has(1, "resultsPerPage")), has(1, "resultsPerPage", "totalResults"):
		return vulndb.NVD
	case has(1, "statements"), has(1, "@context") && bytes.Contains(head[:min(len(head), 4096)], []byte("openvex")):
		return vulndb.OpenVEX
	case has(1, "cveMetadata"), has(1, "containers"), has(1, "dataType"):
		return vulndb.CVE
	case has(1, "packages") && (has(1, "distroversion") || has(1, "apkurl") || has(1, "urlprefix") || has(3, "pkg")):
		return vulndb.Alpine
	case has(1, "id", "modified"), has(1, "id", "affected"), has(1, "schema_version"):
		return vulndb.OSV
	}
	for _, k := range keys[2] {
		if isCVE(k) || strings.HasPrefix(k, "TEMP-") {
			return vulndb.Debian
		}
	}
	return ""
}

// shallow lists the names of fields at the depths 1 to 3 of a JSON text that
// may be cut.
func shallow(b []byte) (keys [4][]string) {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			from := i + 1
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
			k := i + 1
			for k < len(b) && (b[k] == ' ' || b[k] == '\n' || b[k] == '\t' || b[k] == '\r') {
				k++
			}
			if k < len(b) && b[k] == ':' && 1 <= depth && depth <= 3 && len(keys[depth]) < 100 && i-from < 100 {
				keys[depth] = append(keys[depth], string(b[from:i]))
			}
		}
	}
	return keys
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func cutText(s string, n int) string {
	return strings.ToValidUTF8(s[:min(len(s), n)], "")
}
