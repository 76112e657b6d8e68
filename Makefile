# make demo    build wardein and inspect a sample release
# make test    all tests, with a line of counts at the end
# make race    the tests of the packages that run goroutines, under the race detector
# make lint    gofmt, go vet, staticcheck
# make fuzz N=1000000      every fuzz target to N executions in total; goes on where it stopped
# make bench   measure wardein, the C reference tools and the peers (bench/README.md)
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.PHONY: build demo test race lint fuzz bench samples clean

N ?= 1000000
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
# only what exists: rooms are added over time
CONCURRENT := $(patsubst %,./%/...,$(wildcard unpack inspect store serve))

build:
	CGO_ENABLED=0 go build -trimpath -o wardein ./cmd/wardein

demo: build
	mkdir -p bin/demo
	cd bin/demo && ../../wardein inspect ../../samples/an2400-1.1.0.bin

test:
	CGO_ENABLED=0 go test -json ./... | go run ./bench/count

race:
	CGO_ENABLED=1 go test -race -short $(CONCURRENT)
	CGO_ENABLED=1 go test -race -short ./prove ./prove/tlog ./prove/witness
	CGO_ENABLED=1 go test -race -short -run 'TestPartial|TestInterrupt|TestScripts/walk' ./cmd/wardein

lint:
	files=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$files" ]; then echo "not gofmt'ed: $$files"; exit 1; fi
	go vet ./...
	go run $(STATICCHECK) ./...

fuzz:
	go run ./bench/fuzz -n $(N)

bench:
	bench/run all

samples:
	samples/check.sh

clean:
	rm -rf wardein bin
