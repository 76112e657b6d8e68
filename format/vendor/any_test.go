package vendor

import (
	"testing"

	"github.com/wardein/wardein/internal/testkit"
)

var one = testkit.Any(Formats)

func TestGolden(t *testing.T)  { testkit.Golden(t, one) }
func TestDamage(t *testing.T)  { testkit.Damage(t, one) }
func TestSamples(t *testing.T) { testkit.Sampled(t, Formats) }
func Fuzz(f *testing.F)        { testkit.Fuzz(f, one) }
