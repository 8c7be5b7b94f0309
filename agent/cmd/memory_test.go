package cmd

import "testing"

func TestMemoryLimitFollowsTheBudgetAndWhatIsInUse(t *testing.T) {
	f := func(budget, live, want int64) {
		t.Helper()
		if got := memoryLimit(budget, live); got != want {
			t.Errorf("budget %d, %d in use: %d, want %d", budget, live, got, want)
		}
	}
	f(256e6, 20e6, 192e6)
	f(8e6, 20e6, 64e6)     // a small budget must not have the collector work all the time
	f(256e6, 400e6, 500e6) // nor must what is not records
}
