package main

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/spf13/cobra"
)

// Bounds of what listens. A request of these protocols is small and soon
// answered.
const (
	maxConnections = 256
	maxRequests    = 64 // at once
	maxHeader      = 16 << 10
	graceful       = 5 * time.Second
)

// listen serves a handler until the context ends, then lets what is begun end,
// for a while. say is told the address, which the system chooses when the port
// is 0.
func listen(ctx context.Context, address string, h http.Handler, say func(url string)) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return &hinted{err, "--listen HOST:PORT, with port 0 for any that is free"}
	}
	busy := make(chan struct{}, maxRequests)
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case busy <- struct{}{}:
				defer func() { <-busy }()
				h.ServeHTTP(w, r)
			default:
				w.Header().Set("Retry-After", "1")
				http.Error(w, "busy", http.StatusServiceUnavailable)
			}
		}),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          log.New(io.Discard, "", 0), // what clients do wrong
	}
	say("http://" + l.Addr().String() + "/")
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(&fewListener{l, make(chan struct{}, maxConnections)}) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.Background(), graceful)
	defer cancel()
	if err := server.Shutdown(stop); err != nil {
		server.Close()
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// fewListener takes so many connections at once and lets others wait.
type fewListener struct {
	net.Listener
	slots chan struct{}
}

func (l *fewListener) Accept() (net.Conn, error) {
	l.slots <- struct{}{}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &fewConn{Conn: c, free: sync.OnceFunc(func() { <-l.slots })}, nil
}

type fewConn struct {
	net.Conn
	free func()
}

func (c *fewConn) Close() error {
	defer c.free()
	return c.Conn.Close()
}

// client talks to the other side of these protocols.
func client() *http.Client {
	return &http.Client{
		Timeout:       30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// listenFlag is --listen of verbs that serve; on the loopback unless told.
func listenFlag(cmd *cobra.Command, to *string, address, about string) {
	cmd.Flags().StringVar(to, "listen", address, about+" at this `HOST:PORT`")
}
