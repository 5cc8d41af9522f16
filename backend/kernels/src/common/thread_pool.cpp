#include "common/thread_pool.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#if !defined(_WIN32)
#include <pthread.h>
#endif

namespace talker {
namespace {

// Looks at the shared state this often before it goes to sleep. The stages of a frame follow each other within
// microseconds, much faster than the system wakes a thread.
constexpr int kSpins = 2000;

inline void pause() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

class Pool {
  public:
    void run(int64_t count, int threads, Task task, void* context) {
        std::lock_guard<std::mutex> one_at_a_time(callers_);
        while (static_cast<int>(workers_.size()) < threads - 1) {
            int number = static_cast<int>(workers_.size());
            workers_.emplace_back([this, number, seen = generation_.load()] { work(number, seen); });
        }
        bool wake;
        {
            std::lock_guard<std::mutex> lock(mutex_);
            task_ = task, context_ = context, count_ = count;
            helpers_ = threads - 1;
            next_.store(0);
            open_ = true;
            generation_.fetch_add(1);
            wake = sleepers_ > 0;
        }
        if (wake) wake_.notify_all();
        take_pieces();
        // Everything is taken. Whoever has not begun by now need not: on a busy machine a helper may wake up late.
        std::unique_lock<std::mutex> lock(mutex_);
        open_ = false;
        if (active_.load() == 0) return;
        lock.unlock();
        for (int spin = 0; spin < kSpins && active_.load(); spin++) pause();
        lock.lock();
        done_.wait(lock, [this] { return active_.load() == 0; });
    }

  private:
    void take_pieces() {
        for (int64_t i; (i = next_.fetch_add(1)) < count_;) task_(context_, i);
    }

    void work(int number, uint64_t seen) {
        for (;;) {
            for (int spin = 0; spin < kSpins && generation_.load() == seen; spin++) pause();
            {
                std::unique_lock<std::mutex> lock(mutex_);
                sleepers_++;
                wake_.wait(lock, [&] { return generation_.load() != seen; });
                sleepers_--;
                seen = generation_.load();
                if (!open_ || number >= helpers_) continue;
                active_.fetch_add(1);
            }
            take_pieces();
            std::lock_guard<std::mutex> lock(mutex_);
            if (active_.fetch_sub(1) == 1) done_.notify_one();
        }
    }

    std::mutex callers_;
    std::mutex mutex_;  // guards what follows, except where it is atomic
    std::condition_variable wake_, done_;
    std::vector<std::thread> workers_;
    Task task_ = nullptr;
    void* context_ = nullptr;
    int64_t count_ = 0;
    int helpers_ = 0;    // workers that this job may have
    int sleepers_ = 0;   // workers that need a wake-up call
    bool open_ = false;  // whether a worker may still begin with this job
    std::atomic<int> active_{0};
    std::atomic<int64_t> next_{0};
    std::atomic<uint64_t> generation_{0};
};

Pool* pool = nullptr;
std::once_flag pool_once;

// The pool is never destroyed: its threads sleep until the process ends. A forked child has none of its parent's
// threads, so it starts with a new pool.
Pool& the_pool() {
    std::call_once(pool_once, [] {
        pool = new Pool;
#if !defined(_WIN32)
        pthread_atfork(nullptr, nullptr, [] { pool = new Pool; });
#endif
    });
    return *pool;
}

}  // namespace

int thread_count(int requested) {
    constexpr int kMost = 256;
    int threads = requested > 0 ? requested : static_cast<int>(std::thread::hardware_concurrency());
    return threads < 1 ? 1 : threads > kMost ? kMost : threads;
}

void run_parallel(int64_t count, int threads, Task task, void* context) {
    if (threads > count) threads = static_cast<int>(count);
    if (threads <= 1) {
        for (int64_t i = 0; i < count; i++) task(context, i);
        return;
    }
    the_pool().run(count, threads, task, context);
}

}  // namespace talker
