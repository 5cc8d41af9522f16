// Stage 2: splats in order of depth, listed by tile.
#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

#include "common/thread_pool.h"
#include "raster/frame.h"

namespace talker {
namespace {

constexpr int kDigitBits = 12, kDigits = 1 << kDigitBits;

// Stable radix sort of the visible splats by their key, a positive float's bits, whose order is that of the floats.
// Keys are taken relative to the smallest: a head some way off spans fewer than 24 bits, which is two passes.
void sort_by_depth(Frame& frame) {
    uint32_t* keys = frame.keys.data();
    uint32_t* keys2 = frame.keys2.resize(frame.count);
    int32_t* order = frame.order.resize(frame.count);
    int32_t* order2 = frame.order2.resize(frame.count);
    int64_t n = 0;
    uint32_t low = ~0u, high = 0;
    for (int64_t i = 0; i < frame.count; i++) {
        uint32_t key = keys[i];
        if (key == ~0u) continue;
        low = std::min(low, key), high = std::max(high, key);
        keys[n] = key;
        order[n++] = static_cast<int32_t>(i);
    }
    frame.visible = n;
    if (n == 0) return;

    for (int shift = 0; shift < 32 && (high - low) >> shift; shift += kDigitBits) {
        int32_t begin[kDigits] = {};
        for (int64_t i = 0; i < n; i++) begin[(keys[i] - low) >> shift & (kDigits - 1)]++;
        int32_t sum = 0;
        for (int32_t& b : begin) sum += std::exchange(b, sum);
        for (int64_t i = 0; i < n; i++) {
            int32_t to = begin[(keys[i] - low) >> shift & (kDigits - 1)]++;
            keys2[to] = keys[i], order2[to] = order[i];
        }
        std::swap(keys, keys2), std::swap(order, order2);
    }
    if (order != frame.order.data()) std::memcpy(frame.order.data(), order, n * sizeof(int32_t));
}

// Gives every splat its slots, in the order of the Gaussians. False if there are too many.
bool number_slots(Frame& frame) {
    int32_t* first_slot = frame.first_slot.resize(frame.count);
    int64_t slots = 0;
    for (int64_t i = 0; i < frame.count; i++) {
        int touched = frame.boxes[i].count();
        if (slots + touched > kMostSlots) return false;
        first_slot[i] = static_cast<int32_t>(slots);
        slots += touched;
    }
    frame.slots = slots;
    return true;
}

}  // namespace

bool bin_splats(Frame& frame) {
    TileLists& lists = frame.lists;
    lists.tiles_x = (frame.camera.width + kTile - 1) / kTile, lists.tiles_y = (frame.camera.height + kTile - 1) / kTile;
    int tiles = frame.tiles();
    sort_by_depth(frame);
    if (!number_slots(frame)) return false;
    int32_t* tile_begin = frame.tile_begin.resize(tiles + 1);
    Entry* entries = frame.entries.resize(frame.slots);
    const int32_t* order = frame.order.data();

    // Each thread takes a run of the sorted splats: it counts its own by tile, and after the counts are summed up, tile
    // by tile and run by run, puts them where they belong. The lists come out the same for any number of runs.
    int64_t chunks = frame.visible < 4096 || tiles > 65536 ? 1 : frame.threads;
    int32_t* counts = frame.chunk_counts.resize(chunks * tiles);
    std::memset(counts, 0, chunks * tiles * sizeof(int32_t));
    auto chunk_begin = [&](int64_t chunk) { return frame.visible * chunk / chunks; };
    parallel_for(chunks, frame.threads, [&](int64_t chunk) {
        int32_t* mine = counts + chunk * tiles;
        for (int64_t n = chunk_begin(chunk); n < chunk_begin(chunk + 1); n++) {
            TileBox box = frame.boxes[order[n]];
            for (int y = box.top; y < box.bottom; y++)
                for (int x = box.left; x < box.right; x++) mine[y * lists.tiles_x + x]++;
        }
    });
    int32_t next = 0;
    for (int tile = 0; tile < tiles; tile++) {
        tile_begin[tile] = next;
        for (int64_t chunk = 0; chunk < chunks; chunk++) next += std::exchange(counts[chunk * tiles + tile], next);
    }
    tile_begin[tiles] = next;
    parallel_for(chunks, frame.threads, [&](int64_t chunk) {
        int32_t* mine = counts + chunk * tiles;
        for (int64_t n = chunk_begin(chunk); n < chunk_begin(chunk + 1); n++) {
            TileBox box = frame.boxes[order[n]];
            int32_t slot = frame.first_slot[order[n]];
            for (int y = box.top; y < box.bottom; y++)
                for (int x = box.left; x < box.right; x++) entries[mine[y * lists.tiles_x + x]++] = {order[n], slot++};
        }
    });

    // The fullest tiles go first, so that no thread is left with a long one at the end.
    int32_t* tile_order = frame.tile_order.resize(tiles);
    std::iota(tile_order, tile_order + tiles, 0);
    auto entries_in = [&](int32_t tile) { return tile_begin[tile + 1] - tile_begin[tile]; };
    std::stable_sort(tile_order, tile_order + tiles,
                     [&](int32_t a, int32_t b) { return entries_in(a) > entries_in(b); });
    lists.begin = tile_begin, lists.entries = entries;
    return true;
}

}  // namespace talker
