package witness

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// maxBody bounds a request: 63 lines of proof and a checkpoint with more than
// the 16 signatures that signed-note demands, of ML-DSA-44.
const maxBody = 256 << 10

// maxProof is section "add-checkpoint": "The client MUST NOT send more than 63
// consistency proof lines."
const maxProof = 63

// Handler is the submission prefix: POST add-checkpoint, and nothing else. say
// is told of failures of the witness itself, and of what looks like a fork.
func (w *Witness) Handler(say func(string)) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/add-checkpoint" {
			http.Error(rw, "not found", notFound)
			return
		}
		if r.Method != http.MethodPost {
			rw.Header().Set("Allow", http.MethodPost)
			http.Error(rw, "a POST is expected", http.StatusMethodNotAllowed)
			return
		}
		lines, err := w.serve(rw, r)
		var no *Refusal
		switch {
		case err == nil:
			rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
			rw.Write(lines)
		case errors.As(err, &no) && no.Status == conflict:
			if strings.Contains(no.why, "forked") {
				say(no.why)
			}
			rw.Header().Set("Content-Type", "text/x.tlog.size")
			rw.WriteHeader(conflict)
			fmt.Fprintf(rw, "%d\n", no.Size)
		case errors.As(err, &no):
			if no.Status == unprocessable {
				say(no.why)
			}
			http.Error(rw, no.why, no.Status)
		default:
			say(err.Error())
			http.Error(rw, "the witness cannot cosign now", http.StatusInternalServerError)
		}
	})
}

func (w *Witness) serve(rw http.ResponseWriter, r *http.Request) ([]byte, error) {
	b, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxBody))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return nil, refuse(tooLarge, "a request has at most %d bytes", maxBody)
	}
	if err != nil {
		return nil, refuse(badRequest, "the body broke off")
	}
	old, proof, checkpoint, err := parseBody(b)
	if err != nil {
		return nil, refuse(badRequest, "%v", err)
	}
	return w.Cosign(r.Context(), old, proof, checkpoint)
}

// parseBody reads the body of a request: an old size line, up to 63 proof
// lines, an empty line, a checkpoint.
func parseBody(b []byte) (old uint64, proof [][]byte, checkpoint []byte, err error) {
	line, b, ok := bytes.Cut(b, []byte("\n"))
	digits, isOld := bytes.CutPrefix(line, []byte("old "))
	old, err = strconv.ParseUint(string(digits), 10, 63)
	if !ok || !isOld || err != nil || strconv.FormatUint(old, 10) != string(digits) {
		return 0, nil, nil, fmt.Errorf("line 1 is %.40q, expected \"old\" and a size", line)
	}
	for n := 2; ; n++ {
		line, b, ok = bytes.Cut(b, []byte("\n"))
		if !ok {
			return 0, nil, nil, fmt.Errorf("line %d: no empty line ends the proof", n)
		}
		if len(line) == 0 {
			return old, proof, b, nil
		}
		if len(proof) == maxProof {
			return 0, nil, nil, fmt.Errorf("line %d: more than %d lines of proof", n, maxProof)
		}
		hash, err := base64.StdEncoding.Strict().DecodeString(string(line))
		if err != nil || len(hash) != 32 || len(line) != 44 {
			return 0, nil, nil, fmt.Errorf("line %d: %.60q is not a hash in base64", n, line)
		}
		proof = append(proof, hash)
	}
}

// Ask asks the witness at a URL, its submission prefix, to cosign. It gives
// signature lines; or none, and the size that the witness has seen.
func Ask(ctx context.Context, c *http.Client, url string, old uint64, proof [][]byte, checkpoint []byte) (lines []byte, seen uint64, err error) {
	var body bytes.Buffer
	fmt.Fprintf(&body, "old %d\n", old)
	for _, h := range proof {
		fmt.Fprintln(&body, base64.StdEncoding.EncodeToString(h))
	}
	body.WriteByte('\n')
	body.Write(checkpoint)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(url, "/")+"/add-checkpoint", &body)
	if err != nil {
		return nil, 0, err
	}
	res, err := c.Do(r)
	if err != nil {
		return nil, 0, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	if err == nil && len(b) > maxBody {
		err = fmt.Errorf("more than %d bytes of answer", maxBody)
	}
	switch {
	case err != nil:
		return nil, 0, err
	case res.StatusCode == http.StatusOK && len(b) == 0:
		return nil, 0, errors.New("answered without a cosignature")
	case res.StatusCode == http.StatusOK:
		return b, 0, nil
	case res.StatusCode == conflict:
		digits := strings.TrimSuffix(string(b), "\n")
		if seen, err = strconv.ParseUint(digits, 10, 63); err != nil {
			return nil, 0, fmt.Errorf("answered %s without a size: %.40q", res.Status, digits)
		}
		return nil, seen, nil
	}
	return nil, 0, fmt.Errorf("answered %s: %.200q", res.Status, strings.TrimSpace(string(b)))
}
