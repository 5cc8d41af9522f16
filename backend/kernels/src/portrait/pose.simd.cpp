// Poses eight Gaussians at a time, and the gradient of that.
#include "portrait/pose.h"

#include "common/picture.h"
#include "common/simd.h"

namespace talker::TALKER_ISA {
namespace {

// Column `column` of `lanes` rows; zero in the lanes behind them.
TALKER_INLINE f8 read_column(const float* rows, int64_t width, int column, int lanes) {
    f8 v = all(0.0f);
    if (lanes == kLanes)
        for (int i = 0; i < kLanes; i++) v[i] = rows[i * width + column];
    else
        for (int i = 0; i < lanes; i++) v[i] = rows[i * width + column];
    return v;
}

TALKER_INLINE void write_column(float* rows, int64_t width, int column, int lanes, f8 v) {
    if (lanes == kLanes)
        for (int i = 0; i < kLanes; i++) rows[i * width + column] = v[i];
    else
        for (int i = 0; i < lanes; i++) rows[i * width + column] = v[i];
}

// e^x, held within what a float can say; a NaN stays one.
TALKER_INLINE f8 exp(f8 x) {
    f8 power = min(all(126.0f), max(all(-126.0f), x * 1.442695041f));
    return exp2(power) + (power - power);
}

TALKER_INLINE f8 sigmoid(f8 x) { return all(1.0f) / (all(1.0f) + exp(-x)); }

struct Vector {
    f8 x, y, z;
};
struct Quaternion {
    f8 w, x, y, z;
};

TALKER_INLINE Quaternion multiply(const Quaternion& a, const Quaternion& b) {
    return {a.w * b.w - a.x * b.x - a.y * b.y - a.z * b.z, a.w * b.x + a.x * b.w + a.y * b.z - a.z * b.y,
            a.w * b.y - a.x * b.z + a.y * b.w + a.z * b.x, a.w * b.z + a.x * b.y - a.y * b.x + a.z * b.w};
}
TALKER_INLINE Quaternion conjugate(const Quaternion& q) { return {q.w, -q.x, -q.y, -q.z}; }
TALKER_INLINE Quaternion in_all_lanes(const float* q) { return {all(q[0]), all(q[1]), all(q[2]), all(q[3])}; }
TALKER_INLINE Quaternion add_scaled(const Quaternion& a, f8 s, const Quaternion& b) {
    return {a.w + s * b.w, a.x + s * b.x, a.y + s * b.y, a.z + s * b.z};
}
TALKER_INLINE Quaternion difference(const Quaternion& a, const Quaternion& b) {
    return {a.w - b.w, a.x - b.x, a.y - b.y, a.z - b.z};
}

TALKER_INLINE Vector move(const Motion& m, const Vector& v) {
    const float *r = m.rotation, *t = m.translation;
    return {v.x * r[0] + v.y * r[1] + v.z * r[2] + all(t[0]), v.x * r[3] + v.y * r[4] + v.z * r[5] + all(t[1]),
            v.x * r[6] + v.y * r[7] + v.z * r[8] + all(t[2])};
}

// The gradient of a motion's argument.
TALKER_INLINE Vector turn_back(const Motion& m, const Vector& g) {
    const float* r = m.rotation;
    return {g.x * r[0] + g.y * r[3] + g.z * r[6], g.x * r[1] + g.y * r[4] + g.z * r[7],
            g.x * r[2] + g.y * r[5] + g.z * r[8]};
}

// Eight Gaussians of a set, one per lane, with their change applied.
struct Lanes {
    int count;
    f8 canonical_y;
    Vector rest;
    Quaternion rotation, turn, turned;  // turned = turn x rotation
};

TALKER_INLINE Lanes load_lanes(const PoseSet& set, int64_t first, int lanes) {
    Lanes l;
    l.count = lanes;
    const float* means = set.means + first * 3;
    const float* rotations = set.rotations + first * 4;
    const float* change = set.change + first * set.change_width;
    f8* rest[3] = {&l.rest.x, &l.rest.y, &l.rest.z};
    f8* rotation[4] = {&l.rotation.w, &l.rotation.x, &l.rotation.y, &l.rotation.z};
    for (int k = 0; k < 3; k++) *rest[k] = read_column(means, 3, k, lanes);
    l.canonical_y = l.rest.y;
    for (int k = 0; k < 4; k++) *rotation[k] = read_column(rotations, 4, k, lanes);
    if (set.change_width >= 3)
        for (int k = 0; k < 3; k++) *rest[k] += read_column(change, set.change_width, k, lanes);
    l.turn = {all(1.0f), all(0.0f), all(0.0f), all(0.0f)};
    l.turned = l.rotation;
    if (set.change_width >= 6) {
        f8* turn[3] = {&l.turn.x, &l.turn.y, &l.turn.z};
        for (int k = 0; k < 3; k++) *turn[k] = read_column(change, set.change_width, 3 + k, lanes);
        l.turned = multiply(l.turn, l.rotation);
    }
    return l;
}

// How far each lane follows the head.
TALKER_INLINE f8 neck_argument(const PoseSet& set, const Lanes& l) {
    return (l.canonical_y - all(set.neck_y)) * set.neck_sharpness;
}

}  // namespace

void pose_block(const PoseSet& set, int64_t block, const talker_pose_arrays& out) {
    int64_t begin = block * kPoseBlock, end = begin + kPoseBlock < set.count ? begin + kPoseBlock : set.count;
    Quaternion head_turn = in_all_lanes(set.head.quaternion), body_turn = in_all_lanes(set.body.quaternion);
    for (int64_t first = begin; first < end; first += kLanes) {
        int lanes = end - first < kLanes ? static_cast<int>(end - first) : kLanes;
        Lanes l = load_lanes(set, first, lanes);
        Vector mean = move(set.head, l.rest);
        Quaternion turn = head_turn;
        if (set.has_body) {
            f8 weight = sigmoid(neck_argument(set, l));
            Vector with_body = move(set.body, l.rest);
            mean = {with_body.x + weight * (mean.x - with_body.x), with_body.y + weight * (mean.y - with_body.y),
                    with_body.z + weight * (mean.z - with_body.z)};
            turn = add_scaled(body_turn, weight, difference(head_turn, body_turn));
        }
        Quaternion rotation = multiply(turn, l.turned);
        const f8 means[3] = {mean.x, mean.y, mean.z};
        const f8 rotations[4] = {rotation.w, rotation.x, rotation.y, rotation.z};
        for (int k = 0; k < 3; k++) write_column(out.means + first * 3, 3, k, lanes, means[k]);
        for (int k = 0; k < 4; k++) write_column(out.quaternions + first * 4, 4, k, lanes, rotations[k]);

        const float* change = set.change + first * set.change_width;
        for (int k = 0; k < 3; k++) {
            f8 scale = read_column(set.log_scales + first * 3, 3, k, lanes);
            f8 colour = read_column(set.colour_logits + first * 3, 3, k, lanes);
            if (set.change_width >= 9) scale += read_column(change, set.change_width, 6 + k, lanes);
            if (set.change_width >= 12) colour += read_column(change, set.change_width, 9 + k, lanes);
            write_column(out.scales + first * 3, 3, k, lanes, exp(scale));
            write_column(out.features + first * out.channels, out.channels, k, lanes, sigmoid(colour));
        }
        write_column(out.opacities + first, 1, 0, lanes, sigmoid(read_column(set.opacity_logits + first, 1, 0, lanes)));
        for (int i = 0; i < lanes; i++) {
            float* mattes = out.features + (first + i) * out.channels + kColours;
            for (int64_t m = 0; m < out.channels - kColours; m++) mattes[m] = set.mattes[first + i] == m ? 1.0f : 0.0f;
        }
    }
}

void pose_block_backward(const PoseSet& set, int64_t block, const talker_pose_arrays& posed,
                         const talker_pose_arrays& up, const talker_pose_gradient& out, double* body_sums) {
    int64_t begin = block * kPoseBlock, end = begin + kPoseBlock < set.count ? begin + kPoseBlock : set.count;
    Quaternion head_turn = in_all_lanes(set.head.quaternion), body_turn = in_all_lanes(set.body.quaternion);
    f8 sums[kBodySums];
    for (f8& s : sums) s = all(0.0f);
    for (int64_t first = begin; first < end; first += kLanes) {
        int lanes = end - first < kLanes ? static_cast<int>(end - first) : kLanes;
        Lanes l = load_lanes(set, first, lanes);
        Vector g = {read_column(up.means + first * 3, 3, 0, lanes), read_column(up.means + first * 3, 3, 1, lanes),
                    read_column(up.means + first * 3, 3, 2, lanes)};
        const float* q = up.quaternions + first * 4;
        Quaternion by_rotation = {read_column(q, 4, 0, lanes), read_column(q, 4, 1, lanes), read_column(q, 4, 2, lanes),
                                  read_column(q, 4, 3, lanes)};
        Quaternion turn = head_turn;
        Vector by_rest;
        f8 by_y = all(0.0f);
        if (set.has_body) {
            f8 argument = neck_argument(set, l), weight = sigmoid(argument), rest_weight = all(1.0f) - weight;
            Vector with_head = move(set.head, l.rest), with_body = move(set.body, l.rest);
            Quaternion apart = difference(head_turn, body_turn);
            turn = add_scaled(body_turn, weight, apart);
            Quaternion by_turn = multiply(by_rotation, conjugate(l.turned));
            Vector by_head = {g.x * weight, g.y * weight, g.z * weight};
            Vector by_body = {g.x * rest_weight, g.y * rest_weight, g.z * rest_weight};
            Vector back = turn_back(set.head, by_head), back_body = turn_back(set.body, by_body);
            by_rest = {back.x + back_body.x, back.y + back_body.y, back.z + back_body.z};

            f8 by_weight = g.x * (with_head.x - with_body.x) + g.y * (with_head.y - with_body.y) +
                           g.z * (with_head.z - with_body.z) + by_turn.w * apart.w + by_turn.x * apart.x +
                           by_turn.y * apart.y + by_turn.z * apart.z;
            f8 by_argument = by_weight * weight * rest_weight;
            by_y = by_argument * set.neck_sharpness;

            const f8 by_vector[3] = {by_body.x, by_body.y, by_body.z}, rest[3] = {l.rest.x, l.rest.y, l.rest.z};
            for (int i = 0; i < 3; i++) {
                for (int k = 0; k < 3; k++) sums[i * 3 + k] = fma(by_vector[i], rest[k], sums[i * 3 + k]);
                sums[9 + i] += by_vector[i];
            }
            const f8 by_quaternion[4] = {by_turn.w, by_turn.x, by_turn.y, by_turn.z};
            for (int k = 0; k < 4; k++) sums[12 + k] = fma(rest_weight, by_quaternion[k], sums[12 + k]);
            sums[16] -= by_y;
            sums[17] = fma(by_argument, argument, sums[17]);
        } else {
            by_rest = turn_back(set.head, g);
        }
        Quaternion by_turned = multiply(conjugate(turn), by_rotation);
        Quaternion by_canonical = by_turned;
        if (set.change_width >= 6) {
            by_canonical = multiply(conjugate(l.turn), by_turned);
            if (out.change) {
                Quaternion by_change = multiply(by_turned, conjugate(l.rotation));
                const f8 angles[3] = {by_change.x, by_change.y, by_change.z};
                float* change = out.change + first * set.change_width;
                for (int k = 0; k < 3; k++) write_column(change, set.change_width, 3 + k, lanes, angles[k]);
            }
        }
        const f8 by_mean[3] = {by_rest.x, by_rest.y, by_rest.z};
        const f8 by_canonical_mean[3] = {by_rest.x, by_rest.y + by_y, by_rest.z};
        const f8 by_quaternion[4] = {by_canonical.w, by_canonical.x, by_canonical.y, by_canonical.z};
        for (int k = 0; k < 4; k++) write_column(out.rotations + first * 4, 4, k, lanes, by_quaternion[k]);
        for (int k = 0; k < 3; k++) {
            f8 scale = read_column(posed.scales + first * 3, 3, k, lanes);
            f8 by_log = read_column(up.scales + first * 3, 3, k, lanes) * scale;
            f8 colour = read_column(posed.features + first * posed.channels, posed.channels, k, lanes);
            f8 by_logit =
                read_column(up.features + first * up.channels, up.channels, k, lanes) * colour * (all(1.0f) - colour);
            write_column(out.means + first * 3, 3, k, lanes, by_canonical_mean[k]);
            write_column(out.log_scales + first * 3, 3, k, lanes, by_log);
            write_column(out.colour_logits + first * 3, 3, k, lanes, by_logit);
            if (!out.change) continue;
            float* change = out.change + first * set.change_width;
            if (set.change_width >= 3) write_column(change, set.change_width, k, lanes, by_mean[k]);
            if (set.change_width >= 9) write_column(change, set.change_width, 6 + k, lanes, by_log);
            if (set.change_width >= 12) write_column(change, set.change_width, 9 + k, lanes, by_logit);
        }
        f8 opacity = read_column(posed.opacities + first, 1, 0, lanes);
        f8 by_opacity = read_column(up.opacities + first, 1, 0, lanes);
        write_column(out.opacity_logits + first, 1, 0, lanes, by_opacity * opacity * (all(1.0f) - opacity));
    }
    if (!set.has_body) return;
    for (int k = 0; k < kBodySums; k++) body_sums[k] = sum(sums[k]);
}

}  // namespace talker::TALKER_ISA
