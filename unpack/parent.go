package unpack

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/store"
)

// Progress is what an inspection is doing, for a status line.
type Progress struct {
	Read, Files int64 // bytes decoded, blobs opened
	Input       int64 // size of the input
}

// Engine unpacks inputs into a store.
type Engine struct {
	Config
	Store store.Run
	// Recipe is the digest of all that results depend on beside the bytes:
	// formats, limits, build. Looks is the same for the checks.
	Recipe, Looks wardein.Digest
	// NoCage runs the readers in this process, without protection.
	NoCage bool
	// Stored ends a run in ErrNotStored where the store does not hold what is
	// wanted of a blob: nothing is unpacked.
	Stored   bool
	Workers  int // 0: one for each processor
	Progress func(Progress)

	storeMu   sync.Mutex // keeps the listener and the walk from using Store at once
	child     *child
	poison    []Key
	incidents int
	volatile  map[Key]*Record // of blobs that killed the child
	input     int64
	done      Progress // of children that are gone
	reading   *os.File // the input file that the walk is in
	packs     map[int64]*os.File
	spoiled   bool
}

// child is one run of the child process.
type child struct {
	cmd     *exec.Cmd
	control *net.UnixConn
	files   *net.UnixConn
	serial  bool
	opened  map[int64]bool // packs that the child has

	mu      sync.Mutex // guards writes and the fields below
	next    uint64
	waiting map[uint64]chan error
	begun   []Key // announced and not yet recorded (serial)
	gone    chan struct{}
	err     error
	words   words // what the child said on standard error
}

// words keeps the beginning of what is written to it.
type words struct{ b []byte }

func (w *words) Write(p []byte) (int, error) {
	w.b = append(w.b, p[:min(len(p), 64<<10-len(w.b))]...)
	return len(p), nil
}

// first is the first line.
func (w *words) first() string {
	line, _, _ := bytes.Cut(w.b, []byte("\n"))
	return string(line)
}

// failure is what a child could not go on after: an input or a pack that
// could not be read, or written.
type failure struct{ why string }

func (f *failure) Error() string { return f.why }

// errChildGone is the answer to requests of a child that died.
var errChildGone = errors.New("the unpacking process ended")

// ErrNotStored says that the store does not hold all that a run needs.
var ErrNotStored = errors.New("the store does not hold all of it")

// ErrCage says that the child could not be locked in.
var ErrCage = errors.New("the unpacking process could not be caged")

func (e *Engine) resultName(kind byte, k Key) (n store.Name) {
	h := sha256.New()
	h.Write([]byte{kind})
	h.Write(e.Recipe[:])
	if kind == frameOutcomes {
		h.Write(e.Looks[:])
	}
	h.Write(k.Blob[:])
	io.WriteString(h, k.As)
	copy(n[:], h.Sum(nil))
	return n
}

// has tells whether all that is wanted of a blob is in the store.
func (e *Engine) has(k Key) bool {
	return e.Store.Has(e.resultName(frameRecord, k)) && (e.Look == nil || e.Store.Has(e.resultName(frameOutcomes, k)))
}

// Incidents counts how often the child died: a report made with any is not
// repeatable.
func (e *Engine) Incidents() int { return e.incidents }

// Spoiled tells that an input file changed while it was read: the run must not
// be committed, since a result may stand under a digest of other bytes.
func (e *Engine) Spoiled() bool { return e.spoiled }

// Close ends the child.
func (e *Engine) Close() {
	e.stop()
	for _, f := range e.packs {
		f.Close()
	}
	e.packs = nil
}

// stop ends the child and waits until nothing more comes from it: the store
// is then the caller's alone.
func (e *Engine) stop() {
	c := e.child
	if c == nil {
		return
	}
	c.control.Close()
	if c.cmd != nil {
		c.cmd.Process.Kill() // what it had to say was said with its last answer
	}
	<-c.gone
	e.child = nil
}

// start makes a child, caged unless NoCage.
func (e *Engine) start(serial bool) (*child, error) {
	ctlUp, ctlDown, err := socketPair()
	if err != nil {
		return nil, err
	}
	filesUp, filesDown, err := socketPair()
	if err != nil {
		return nil, err
	}
	c := &child{serial: serial, opened: map[int64]bool{}, waiting: map[uint64]chan error{}, gone: make(chan struct{})}
	if c.control, err = unixConn(ctlUp); err != nil {
		return nil, err
	}
	if c.files, err = unixConn(filesUp); err != nil {
		return nil, err
	}
	if e.NoCage {
		control, err1 := unixConn(ctlDown)
		files, err2 := unixConn(filesDown)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		go serve(control, files, e.Config)
	} else {
		exe, err := os.Executable()
		if err != nil {
			return nil, err
		}
		c.cmd = exec.Command(exe, ChildArg)
		c.cmd.Env = []string{}
		c.cmd.ExtraFiles = []*os.File{ctlDown, filesDown}
		c.cmd.Stderr = &c.words
		c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
		// Pdeathsig is tied to the thread that forks.
		runtime.LockOSThread()
		err = c.cmd.Start()
		runtime.UnlockOSThread()
		ctlDown.Close()
		filesDown.Close()
		if err != nil {
			return nil, err
		}
	}
	workers := e.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	if serial {
		workers = 1
	}
	id, pack := e.Store.Pack()
	c.opened[id] = true
	err = errors.Join(sendFile(c.files, id, pack), c.send(frameConfig, func(enc *encoder) {
		enc.setup(&setup{limits: e.Limits, total: e.Limits.total(e.input), pack: id, workers: workers, serial: serial,
			asks: !e.Store.Empty() || serial, poison: e.poison})
	}))
	go e.listen(c)
	if err != nil {
		// A child that could not be caged is gone before it reads anything.
		c.control.Close()
		<-c.gone
		if errors.Is(c.err, ErrCage) {
			err = c.err
		}
		return nil, err
	}
	return c, nil
}

func (c *child) send(kind byte, fields func(e *encoder)) error {
	enc := &encoder{b: []byte{kind}}
	fields(enc)
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.control.Write(enc.b)
	return err
}

// listen reads what the child says until it ends. It is the only goroutine
// that touches the store while a child lives, but for the walk, which waits
// for it: storeMu keeps the two apart.
func (e *Engine) listen(c *child) {
	in := readers.Get().(*bufio.Reader)
	in.Reset(c.control)
	err := e.hear(c, in)
	readers.Put(in)
	c.control.Close()
	c.files.Close()
	if c.cmd != nil {
		werr := c.cmd.Wait()
		if c.cmd.ProcessState.ExitCode() == cageExit {
			err = fmt.Errorf("%w: %s", ErrCage, c.words.first())
		} else if werr != nil {
			err = fmt.Errorf("%w: %v: %s", errChildGone, werr, c.words.first())
			if os.Getenv("WARDEIN_DEBUG") != "" {
				os.Stderr.Write(c.words.b)
			}
		}
	}
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
		err = errChildGone
	}
	c.mu.Lock()
	c.err = err
	for _, w := range c.waiting {
		w <- err
	}
	c.waiting = nil
	c.mu.Unlock()
	close(c.gone)
}

func (e *Engine) hear(c *child, in *bufio.Reader) error {
	d := newDecoder(in)
	for {
		kind, err := in.ReadByte()
		if err != nil {
			return err
		}
		switch kind {
		case frameBegin:
			k := d.key()
			c.mu.Lock()
			c.begun = append(c.begun, k)
			c.mu.Unlock()
		case frameRecord, frameOutcomes:
			k := d.key()
			if d.err != nil {
				return d.err
			}
			body := &bodyReader{r: in}
			e.storeMu.Lock()
			err := e.Store.Put(e.resultName(kind, k), body)
			e.storeMu.Unlock()
			if err != nil {
				return err
			}
			// A blob is done with when the checks have seen it: they too may
			// kill the child.
			if (kind == frameOutcomes) == (e.Look != nil) {
				c.mu.Lock()
				for i := len(c.begun) - 1; i >= 0; i-- {
					if c.begun[i] == k {
						c.begun = append(c.begun[:i], c.begun[i+1:]...)
						break
					}
				}
				c.mu.Unlock()
			}
		case frameContent:
			digest, loc := d.digest(), d.loc()
			if d.err == nil {
				e.storeMu.Lock()
				e.Store.AddContent(digest, loc)
				e.storeMu.Unlock()
			}
		case frameQuery:
			if err := e.answer(c, d); err != nil {
				return err
			}
		case frameProgress:
			read, files := d.i(), d.i()
			if e.Progress != nil && d.err == nil {
				e.Progress(Progress{Read: e.done.Read + read, Files: e.done.Files + files, Input: e.input})
			}
		case frameDone:
			n, why := d.u(), d.s()
			c.mu.Lock()
			w := c.waiting[n]
			delete(c.waiting, n)
			c.mu.Unlock()
			if w != nil && why == errTooMuch.Error() {
				w <- errTooMuch
			} else if w != nil && why != "" {
				w <- &failure{why}
			} else if w != nil {
				w <- nil
			}
		default:
			return fmt.Errorf("unknown frame %q from the unpacking process", kind)
		}
		if d.err != nil {
			return d.err
		}
	}
}

func (e *Engine) answer(c *child, d *decoder) error {
	n, what := d.u(), d.u()
	var a answer
	e.storeMu.Lock()
	switch what {
	case queryResult:
		a.ok = e.has(d.key())
	case queryContent:
		a.loc, a.ok = e.Store.Content(d.digest())
	}
	e.storeMu.Unlock()
	if d.err != nil {
		return d.err
	}
	if a.ok && what == queryContent {
		return e.sendWithPacks(c, frameAnswer, a.loc, func(enc *encoder) { enc.u(n); enc.flag(true); enc.loc(a.loc) })
	}
	return c.send(frameAnswer, func(enc *encoder) { enc.u(n); enc.flag(a.ok); enc.loc(nil); enc.u(0) })
}

// sendWithPacks sends a frame that ends in the number of descriptors which
// the child needs for loc and does not have yet.
func (e *Engine) sendWithPacks(c *child, kind byte, loc Loc, fields func(enc *encoder)) error {
	enc := &encoder{b: []byte{kind}}
	fields(enc)
	var ids []int64
	var files []*os.File
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range loc {
		if s.Source <= 0 || c.opened[s.Source] {
			continue
		}
		f, err := e.Store.OpenPack(s.Source)
		if err != nil {
			return err
		}
		defer f.Close()
		ids, files = append(ids, s.Source), append(files, f)
		c.opened[s.Source] = true
	}
	return c.sendFiles(enc, ids, files)
}

func (c *child) sendFiles(enc *encoder, ids []int64, files []*os.File) error {
	enc.u(uint64(len(ids)))
	for i, f := range files {
		if err := sendFile(c.files, ids[i], f); err != nil {
			return err
		}
	}
	_, err := c.control.Write(enc.b)
	return err
}

// ask has the child unpack a blob and waits. input is the blob's own file
// when it is an input. The error is errTooMuch when the blob's members take
// more than left decoded bytes.
func (e *Engine) ask(ctx context.Context, k Key, known bool, left int64, loc Loc, input *os.File) error {
	for {
		if e.child == nil {
			c, err := e.start(e.incidents > 0)
			if err != nil {
				return err
			}
			e.child = c
		}
		c := e.child
		err := e.request(ctx, c, k, known, left, loc, input)
		if err == nil || ctx.Err() != nil || !errors.Is(err, errChildGone) {
			return err
		}
		<-c.gone
		e.child = nil
		if e.NoCage {
			return err
		}
		e.incidents++
		if !c.serial {
			continue // again, one blob at a time, to see which one it is
		}
		culprit := k
		if n := len(c.begun); n > 0 {
			culprit = c.begun[n-1]
		}
		if e.incidents > maxIncidents {
			return fmt.Errorf("%w %d times", errChildGone, e.incidents)
		}
		e.bury(culprit, c.err)
		if culprit == k {
			return nil
		}
	}
}

// maxIncidents bounds how often a child is started again in one run.
const maxIncidents = 200

// bury records that a blob killed the child when it was alone.
func (e *Engine) bury(k Key, err error) {
	e.poison = append(e.poison, k)
	e.bar(k, wardein.Gap{Who: "engine", Kind: wardein.Crashed, Why: err.Error()})
}

// bar keeps a blob closed for the rest of the run.
func (e *Engine) bar(k Key, why wardein.Gap) {
	if e.volatile == nil {
		e.volatile = map[Key]*Record{}
	}
	e.volatile[k] = &Record{Key: k, Gaps: []wardein.Gap{why}}
}

func (e *Engine) request(ctx context.Context, c *child, k Key, known bool, left int64, loc Loc, input *os.File) error {
	answer := make(chan error, 1)
	c.mu.Lock()
	if c.waiting == nil {
		c.mu.Unlock()
		return c.err
	}
	c.next++
	n := c.next
	c.waiting[n] = answer
	enc := &encoder{b: []byte{frameUnpack}}
	enc.u(n)
	enc.key(k)
	enc.flag(known)
	enc.u(uint64(left))
	enc.u(uint64(loc.Size()))
	enc.loc(loc)
	var ids []int64
	var files []*os.File
	for _, s := range loc {
		switch {
		case s.Source < 0 && input != nil && len(ids) == 0:
			ids, files = append(ids, s.Source), append(files, input)
		case s.Source > 0 && !c.opened[s.Source]:
			f, err := e.Store.OpenPack(s.Source)
			if err != nil {
				c.mu.Unlock()
				return err
			}
			defer f.Close()
			ids, files = append(ids, s.Source), append(files, f)
			c.opened[s.Source] = true
		}
	}
	err := c.sendFiles(enc, ids, files)
	c.mu.Unlock()
	if err != nil {
		c.control.Close()
		<-c.gone
		return c.err
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
