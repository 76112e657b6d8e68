package csv

import (
	"bufio"
	"errors"
	"io"
	"strings"
)

var errRow = errors.New("a row of more than 16 MiB")

// lines is a file of which the first line can be seen before it is read, and
// no row is longer than maxRow.
type lines struct {
	r   *bufio.Reader
	row int // bytes since a row began; the file's reader sets it to 0
}

func newLines(file io.Reader) *lines {
	r := bufio.NewReaderSize(file, 256<<10)
	if b, _ := r.Peek(3); string(b) == "\ufeff" {
		_, _ = r.Discard(3)
	}
	return &lines{r: r}
}

func (l *lines) peekLine() (string, error) {
	b, err := l.r.Peek(64 << 10)
	if len(b) == 0 {
		return "", err
	}
	line, _, _ := strings.Cut(string(b), "\n")
	return line, nil
}

func (l *lines) Read(p []byte) (int, error) {
	if l.row > maxRow {
		return 0, errRow
	}
	n, err := l.r.Read(p)
	l.row += n
	return n, err
}
