// The library's own threads: `parallel_for` spreads numbered pieces of work over them.
#pragma once

#include <cstdint>

namespace talker {

// Threads to use for `requested` (0: as many as the machine runs at once).
int thread_count(int requested);

using Task = void (*)(void* context, int64_t index);

// Calls task(context, i) for i in [0, count), by up to `threads` threads, the caller's among them; returns when all
// are done. The pieces are handed out in order, one at a time. Tasks must not throw. Calls from several threads
// are served one after the other.
void run_parallel(int64_t count, int threads, Task task, void* context);

template <class Function>
void parallel_for(int64_t count, int threads, Function&& function) {
    run_parallel(
        count, threads, [](void* context, int64_t index) { (*static_cast<Function*>(context))(index); }, &function);
}

}  // namespace talker
