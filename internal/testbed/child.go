package testbed

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// StartupLimit bounds how long a started program may take to answer. It is generous: the machine may be busy.
const StartupLimit = 6 * time.Minute

// Child is a running program that dies with the test process, however that ends.
type Child struct {
	name string
	cmd  *exec.Cmd
	log  *Log
	done chan struct{}
	err  error // set before done is closed
}

// Start runs the command in a process group of its own, tied to this process's life, and records what it prints.
func Start(name string, cmd *exec.Cmd) (*Child, error) {
	c := &Child{name: name, cmd: cmd, log: &Log{}, done: make(chan struct{})}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	if cmd.SysProcAttr.Pdeathsig == 0 {
		cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	}
	if cmd.Stdout == nil {
		cmd.Stdout = c.log
	} else {
		cmd.Stdout = io.MultiWriter(cmd.Stdout, c.log)
	}
	cmd.Stderr = c.log
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		c.err = cmd.Wait()
		close(c.done)
	}()
	return c, nil
}

// PID is the program's process id.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// Done is closed when the program has ended.
func (c *Child) Done() <-chan struct{} { return c.done }

// Output is everything that the program has printed so far.
func (c *Child) Output() string { return c.log.String() }

// Kill ends the program and its own children at once, as kill -9 does, and waits until it is gone.
func (c *Child) Kill() { c.signal(syscall.SIGKILL) }

// Stop tells the program to end, as service managers do, and waits until it is gone.
func (c *Child) Stop() {
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // one that has ended already is gone
	<-c.done
}

func (c *Child) signal(s syscall.Signal) {
	// The group goes first, so that no grandchild is left; it is the child's own group since Setpgid.
	_ = syscall.Kill(-c.PID(), s)
	<-c.done
}

// WaitOK polls the address until it answers 200. It fails when the program ends first or limit has passed.
func (c *Child) WaitOK(ctx context.Context, url string, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	last := "no answer"
	for {
		ok, what := answers(ctx, url)
		if ok {
			return nil
		}
		if ctx.Err() == nil {
			last = what
		}
		select {
		case <-c.done:
			return fmt.Errorf("%s ended before %s answered (%w):\n%s", c.name, url, c.err, tail(c.Output()))
		case <-ctx.Done():
			return fmt.Errorf("%s: %s did not answer 200 within %s (last: %s):\n%s", c.name, url, limit, last, tail(c.Output()))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func answers(ctx context.Context, url string) (bool, string) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false, err.Error()
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false, err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	return resp.StatusCode == http.StatusOK, resp.Status
}

// tail keeps the end of a long output, which is where the reason is.
func tail(s string) string {
	const most = 6000
	if len(s) > most {
		return "…" + s[len(s)-most:]
	}
	return s
}

// Log is a buffer that several goroutines may write and read.
type Log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// String is everything written so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
