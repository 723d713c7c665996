// Package postgres owns a private PostgreSQL for tests: a cluster of its own in a temporary folder, started from the
// installed binaries and gone afterwards. It does not own what tests do in it.
package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // registers the driver that Database names

	"keyward.dev/keyward/internal/testbed"
)

// Cluster is a running server.
type Cluster struct {
	bin, dir string
	owner    *syscall.Credential // nil: this process's own
	port     int
	child    *testbed.Child
	count    atomic.Int64
}

// startTimeout bounds initdb and start on a busy machine.
const startTimeout = 2 * time.Minute

// Start makes a cluster in a temporary folder and starts it on a free loopback port. Stop it afterwards. Durability is
// off: what is tested is the SQL, not the disk. Root starts it as user postgres, which Debian's package makes.
func Start(ctx context.Context) (*Cluster, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	dir, err := os.MkdirTemp("", "keyward-postgres-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for PostgreSQL: %w", err)
	}
	c := &Cluster{bin: bin, dir: dir}
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return c, nil
}

// binaries finds the newest installed server.
func binaries() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", fmt.Errorf("look for PostgreSQL: %w", err)
	}
	slices.SortFunc(found, func(a, b string) int { return version(a) - version(b) })
	if len(found) > 0 {
		return filepath.Dir(found[len(found)-1]), nil
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	return "", errors.New("PostgreSQL's server programs are not installed: apt-get install postgresql " +
		"(or put initdb and postgres on the PATH)")
}

func version(initdb string) int {
	v, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(initdb))))
	if err != nil {
		return 0 // a name that is no number is older than all that are
	}
	return v
}

func (c *Cluster) start(ctx context.Context) error {
	if os.Geteuid() == 0 {
		owner, err := account("postgres")
		if err != nil {
			return err
		}
		if err := os.Chown(c.dir, int(owner.Uid), -1); err != nil {
			return fmt.Errorf("give the folder to PostgreSQL's user: %w", err)
		}
		c.owner = owner
	}
	initdb := c.command(ctx, "initdb", "-D", c.data(), "-U", "keyward", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8",
		"--no-sync")
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	var err error
	if c.port, err = testbed.Port(ctx); err != nil {
		return err
	}
	return c.serve(ctx)
}

// serve starts the server on the cluster's port and waits until it answers.
func (c *Cluster) serve(ctx context.Context) error {
	settings := []string{
		"listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "full_page_writes=off",
		"synchronous_commit=off", "max_connections=200", "deadlock_timeout=100ms",
	}
	args := []string{"-D", c.data(), "-p", strconv.Itoa(c.port)}
	for _, s := range settings {
		args = append(args, "-c", s)
	}
	cmd := c.command(context.WithoutCancel(ctx), "postgres", args...)
	// With the test process the server ends too, and takes its own children with it, which a SIGKILL would not.
	cmd.SysProcAttr.Pdeathsig = syscall.SIGQUIT
	child, err := testbed.Start("postgres", cmd)
	if err != nil {
		return err
	}
	c.child = child
	db, err := sql.Open("pgx", c.URL("postgres"))
	if err != nil {
		return errors.Join(fmt.Errorf("reach the test's PostgreSQL: %w", err), c.quit())
	}
	defer func() { _ = db.Close() }() // nothing is left to lose
	for {
		err := db.PingContext(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-child.Done():
			return fmt.Errorf("PostgreSQL does not start:\n%s", child.Output())
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("PostgreSQL does not answer: %w\n%s", err, child.Output()), c.quit())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// quit ends the server at once, as a crash would; its data stay.
func (c *Cluster) quit() error {
	if err := syscall.Kill(c.child.PID(), syscall.SIGQUIT); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("end PostgreSQL: %w", err)
	}
	select {
	case <-c.child.Done():
		return nil
	case <-time.After(startTimeout):
		c.child.Kill()
		return errors.New("PostgreSQL did not end when told to")
	}
}

func (c *Cluster) data() string { return filepath.Join(c.dir, "data") }

// account gives the ids of the user that the server runs as.
func account(name string) (*syscall.Credential, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not run as root, and there is no user %s: %w", name, err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("read the id of user %s: %w", name, err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("read the group of user %s: %w", name, err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

func (c *Cluster) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(c.bin, program), args...)
	cmd.Dir = c.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.owner, Pdeathsig: syscall.SIGKILL}
	return cmd
}

// URL is the address of a database of the cluster.
func (c *Cluster) URL(database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.User("keyward"), Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)),
		Path: "/" + database, RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Database makes a fresh, empty database, and gives its address.
func (c *Cluster) Database(ctx context.Context) (string, error) { return c.make(ctx, "") }

// Copy makes a database with all that is in another one, to which nobody may be connected, and gives its address.
func (c *Cluster) Copy(ctx context.Context, address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("read the address of a database: %w", err)
	}
	return c.make(ctx, " STRATEGY FILE_COPY TEMPLATE "+strings.TrimPrefix(u.Path, "/"))
}

func (c *Cluster) make(ctx context.Context, from string) (string, error) {
	db, err := sql.Open("pgx", c.URL("postgres"))
	if err != nil {
		return "", fmt.Errorf("reach the test's PostgreSQL: %w", err)
	}
	defer func() { _ = db.Close() }() // nothing is left to lose
	name := "test" + strconv.FormatInt(c.count.Add(1), 10)
	if _, err := db.ExecContext(ctx, "CREATE DATABASE "+name+from); err != nil {
		return "", fmt.Errorf("make a database for the test: %w", err)
	}
	return c.URL(name), nil
}

// Stop ends the server and removes its folder.
func (c *Cluster) Stop() error { return errors.Join(c.quit(), os.RemoveAll(c.dir)) }
