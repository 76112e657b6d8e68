package cryptolib

import (
	"context"
	"testing"

	"github.com/wardein/wardein"
)

func look(t testing.TB, c wardein.Check, b wardein.Blob) (facts []wardein.Fact) {
	t.Helper()
	if ok, _ := c.Wants(b); !ok {
		return nil
	}
	if err := c.Node(context.Background(), b, func(f wardein.Fact) { facts = append(facts, f) }); err != nil {
		t.Log(err)
	}
	return facts
}
