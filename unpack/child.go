package unpack

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/cage"
)

// Descriptors that the parent leaves open for its child.
const (
	controlFD = 3 + iota
	filesFD
)

// ChildMain is the whole life of the caged child process: main calls it and
// exits with its result. The parent starts it as `wardein ChildArg`.
func ChildMain(cfg Config) error {
	tuneCollector(childFloor)
	control, err := unixConn(os.NewFile(controlFD, "control"))
	if err != nil {
		return err
	}
	files, err := unixConn(os.NewFile(filesFD, "files"))
	if err != nil {
		return err
	}
	if err := cage.Enter(); err != nil {
		fmt.Fprintf(os.Stderr, "cage: %v\n", err)
		os.Exit(cageExit)
	}
	return serve(control, files, cfg)
}

// ChildArg is the argument that makes the binary a child.
const ChildArg = "__unpack"

// cageExit is the child's exit code when it could not be caged.
const cageExit = 97

// serve answers the parent's requests until the connection ends.
func serve(control, files *net.UnixConn, cfg Config) error {
	defer control.Close()
	defer files.Close()
	in := readers.Get().(*bufio.Reader)
	in.Reset(control)
	defer readers.Put(in)
	d := newDecoder(in)
	if kind, err := in.ReadByte(); err != nil || kind != frameConfig {
		return fmt.Errorf("no configuration: %w", err)
	}
	s := d.setup()
	if d.err != nil {
		return d.err
	}
	cfg.Limits = s.limits
	src := &sources{}
	id, f, err := receiveFile(files)
	if err != nil {
		return err
	}
	src.set(id, f)
	pk, err := newPack(s.pack, f)
	if err != nil {
		return err
	}
	up := &link{out: bufio.NewWriterSize(control, 64<<10), waiting: map[uint64]chan answer{}, serial: s.serial, asks: s.asks}
	if cfg.patterns == nil {
		cfg.patterns = newPatterns(cfg.Formats, cfg.Literals)
	}
	w := &worker{Config: cfg, pack: pk, sources: src, up: up,
		total: s.total, byName: map[string]int{}}
	for i, f := range cfg.Formats {
		w.byName[f.Name] = i
	}
	for _, k := range s.poison {
		w.first(k)
	}
	pk.added = up.added
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stop := make(chan struct{})
	defer close(stop)
	// More goroutines than processors: some wait for what others do, or for the
	// disk.
	pool := 2 * s.workers
	if s.serial {
		pool = 0
	}
	w.jobs, w.windows = newJobs(pool), newWindows()
	defer w.jobs.end()
	go up.tick(stop)
	var requests sync.WaitGroup
	defer src.close()
	defer requests.Wait()
	defer up.end()
	defer cancel()
	for {
		kind, err := in.ReadByte()
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		switch kind {
		case frameAnswer:
			n, a := d.u(), answer{ok: d.flag(), loc: d.loc()}
			if d.err != nil {
				return d.err
			}
			if err := w.openSources(files, d); err != nil {
				return err
			}
			up.deliver(n, a)
		case frameUnpack:
			n, key, known := d.u(), d.key(), d.flag()
			left, size, loc := d.n(), d.n(), d.loc()
			if d.err != nil {
				return d.err
			}
			if err := w.openSources(files, d); err != nil {
				return err
			}
			requests.Add(1)
			go func() {
				defer requests.Done()
				up.done(n, w.request(ctx, key, known, left, size, loc))
			}()
		default:
			return fmt.Errorf("unknown frame %q", kind)
		}
	}
}

// readers are the buffers of both ends of a connection.
var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 128<<10) }}

// openSources takes the descriptors that come with a frame: their number stands in
// the frame, the descriptors on the other socket.
func (w *worker) openSources(files *net.UnixConn, d *decoder) error {
	for n := d.u(); n > 0 && d.err == nil; n-- {
		id, f, err := receiveFile(files)
		if err != nil {
			return err
		}
		w.sources.set(id, f)
	}
	return d.err
}

// request unpacks one blob because the parent asked for it.
func (w *worker) request(ctx context.Context, key Key, known bool, left, size int64, loc Loc) error {
	var digest *wardein.Digest
	if known {
		digest = &key.Blob
	}
	b, err := w.hashed(loc, digest)
	if err == nil && b.size != size {
		err = fmt.Errorf("blob of %d bytes, %d announced", b.size, size)
	}
	if err != nil {
		return err
	}
	w.first(key)
	err = w.unpackWithin(ctx, b, key.As, nil, true, left)
	if err != nil && !errors.Is(err, errTooMuch) {
		w.fail(err)
	}
	// Input files are opened for one request.
	for _, s := range loc {
		if s.Source < 0 {
			if f, ok := w.sources.get(s.Source).(io.Closer); ok {
				w.sources.set(s.Source, nil)
				f.Close()
			}
		}
	}
	runtime.KeepAlive(b)
	return errors.Join(w.failedErr(), err)
}

type answer struct {
	ok  bool
	loc Loc
}

// link is the child's end of the connection.
type link struct {
	serial, asks bool

	mu  sync.Mutex // guards out and enc
	out *bufio.Writer
	enc encoder

	// An answer is delivered while a frame is being written: with one lock,
	// parent and child could each wait for the other to read.
	asking  sync.Mutex // guards the fields below
	next    uint64
	waiting map[uint64]chan answer // nil: the connection has ended

	read, files atomic.Int64
}

// send writes one frame of a type and fields.
func (l *link) send(kind byte, flush bool, fields func(e *encoder)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sendLocked(kind, flush, fields)
}

func (l *link) sendLocked(kind byte, flush bool, fields func(e *encoder)) error {
	l.enc.b = append(l.enc.b[:0], kind)
	fields(&l.enc)
	if _, err := l.out.Write(l.enc.b); err != nil {
		return &fatal{err}
	}
	if flush {
		if err := l.out.Flush(); err != nil {
			return &fatal{err}
		}
	}
	return nil
}

func (l *link) begin(k Key) {
	if l.serial {
		l.send(frameBegin, true, func(e *encoder) { e.key(k) })
	}
}

func (l *link) record(r *Record) error {
	l.files.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.sendLocked(frameRecord, false, func(e *encoder) { e.key(r.Key) }); err != nil {
		return err
	}
	b := bodyWriter{l.out}
	return l.endBody(b, encodeRecord(b, r))
}

func (l *link) endBody(b bodyWriter, err error) error {
	err = errors.Join(err, b.Close())
	if l.serial {
		err = errors.Join(err, l.out.Flush())
	}
	if err != nil {
		return &fatal{err}
	}
	return nil
}

func (l *link) outcomes(k Key, o []wardein.Outcome) error {
	body := encodeOutcomes(k, o)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.sendLocked(frameOutcomes, false, func(e *encoder) { e.key(k) }); err != nil {
		return err
	}
	b := bodyWriter{l.out}
	_, err := io.Copy(b, body)
	return l.endBody(b, err)
}

// added tells the parent about new content in the pack.
func (l *link) added(d wardein.Digest, loc Loc) {
	l.send(frameContent, false, func(e *encoder) { e.d(d); e.loc(loc) })
}

func (l *link) query(fields func(e *encoder)) answer {
	if !l.asks {
		return answer{}
	}
	c := make(chan answer, 1)
	l.asking.Lock()
	if l.waiting == nil {
		l.asking.Unlock()
		return answer{}
	}
	l.next++
	n := l.next
	l.waiting[n] = c
	l.asking.Unlock()
	if err := l.send(frameQuery, true, func(e *encoder) { e.u(n); fields(e) }); err != nil {
		return answer{}
	}
	return <-c
}

func (l *link) deliver(n uint64, a answer) {
	l.asking.Lock()
	c := l.waiting[n]
	delete(l.waiting, n)
	l.asking.Unlock()
	if c != nil {
		c <- a
	}
}

// end answers all queries with no: the parent is gone.
func (l *link) end() {
	l.asking.Lock()
	defer l.asking.Unlock()
	for _, c := range l.waiting {
		c <- answer{}
	}
	l.waiting = nil
}

const (
	queryResult  = 0
	queryContent = 1
)

func (l *link) have(k Key) bool {
	return l.query(func(e *encoder) { e.u(queryResult); e.key(k) }).ok
}

func (l *link) content(d wardein.Digest) (Loc, bool) {
	a := l.query(func(e *encoder) { e.u(queryContent); e.d(d) })
	return a.loc, a.ok
}

func (l *link) done(n uint64, err error) {
	why := ""
	if err != nil {
		why = err.Error()
	}
	l.report()
	l.send(frameDone, true, func(e *encoder) { e.u(n); e.s(why) })
}

func (l *link) progress(read, files int64, what string) {
	l.read.Add(read)
	l.files.Add(files)
}

// tick sends progress a few times a second, which also flushes records.
func (l *link) tick(stop chan struct{}) {
	t := time.NewTicker(150 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-stop:
			return
		case <-t.C:
			l.report()
		}
	}
}

func (l *link) report() {
	l.send(frameProgress, true, func(e *encoder) { e.i(l.read.Load()); e.i(l.files.Load()) })
}
