//go:build soak

package meter

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// TestSoakForeignPrograms makes modules of random bytes with Binaryen's wasm-opt
// and compares what they do. WICKET_SEEDS is how many, 2000 unless told; those of
// testdata/random are among the first.
func TestSoakForeignPrograms(t *testing.T) {
	tool, err := exec.LookPath("wasm-opt")
	if err != nil {
		t.Skip("no wasm-opt")
	}
	n := uint64(2000)
	if s := os.Getenv("WICKET_SEEDS"); s != "" {
		if n, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	asked, ran := 0, 0
	for seed := range n {
		binary := foreign(t, tool, seed)
		if binary == nil || valid(binary) != nil { // of proposals that the engine does not have
			continue
		}
		ran++
		asked += same(t, fmt.Sprint("seed ", seed), binary)
		if t.Failed() {
			return
		}
	}
	t.Logf("%d modules, asked %d times", ran, asked)
	if ran == 0 || asked == 0 {
		t.Error("nothing was compared")
	}
}

// foreign has Binaryen translate random bytes to a module.
func foreign(t *testing.T, tool string, seed uint64) []byte {
	t.Helper()
	rnd := rand.New(rand.NewPCG(seed, 2))
	bytes := make([]byte, 500+rnd.IntN(8000))
	for i := range bytes {
		bytes[i] = byte(rnd.Uint32())
	}
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out.wasm")
	if err := os.WriteFile(in, bytes, 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{in, "-ttf", "-o", out, "--denan", "--enable-bulk-memory", "--enable-sign-ext",
		"--enable-mutable-globals", "--enable-nontrapping-float-to-int", "--enable-multivalue"}
	if seed%7 == 0 { // its idea of them is an older one; few are valid
		args = append(args, "--enable-reference-types")
	}
	if seed%2 == 0 {
		args = append(args, "--enable-simd")
	}
	if seed%3 == 0 {
		args = append(args, "-O1") // other forms of the same
	}
	if msg, err := exec.Command(tool, args...).CombinedOutput(); err != nil {
		t.Logf("seed %d: %v\n%s", seed, err, msg)
		return nil
	}
	return read(t, out)
}
