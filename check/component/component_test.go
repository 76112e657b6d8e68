package component

import (
	"testing"

	"github.com/wardein/wardein/internal/testkit/checktest"
)

func TestGolden(t *testing.T) { checktest.Golden(t, Check()) }
func Fuzz(f *testing.F) {
	checktest.Fuzz(f, Check(), []byte("\x7fELF\x01\x01\x01libz.so.1\x00SSH-2.0-dropbear_2019.78\x00Package: a\nVersion: 1\n"))
}
