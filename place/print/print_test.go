package print

import (
	"testing"

	"github.com/wardein/wardein/place/plan"
)

func TestMoney(t *testing.T) {
	for _, c := range []struct {
		low, high int64
		want      string
	}{
		{0, 0, "0"}, {5, 900, "5-900"}, {950, 1050, "0.9-1.1 k"}, {61_200_000, 139_100_000, "61-140 m"},
		{6_655_400, 6_655_400, "6.6 m"}, {2_000_000_000, 2_000_000_000, "2.0 bn"}, {-352_000, -177_000, "-(177-352 k)"},
	} {
		if got := Money(plan.Range{Low: c.low, High: c.high}); got != c.want {
			t.Errorf("%d to %d: %q, want %q", c.low, c.high, got, c.want)
		}
	}
}
