// The rotation of a rotation vector v (Rodrigues): R = I + a K + b K^2 with K the cross product with v, a = sin t / t
// and b = (1 - cos t) / t^2 for t = |v|; as a quaternion (cos t/2, v sin(t/2) / t). Few numbers: double precision
// throughout.
#include "portrait/body_motion.h"

#include <cmath>
#include <cstring>

namespace talker {
namespace {

// Functions of t and their derivatives by t, divided by t; near zero by their series.
struct Coefficients {
    double a, b, half;  // sin t / t, (1 - cos t) / t^2, sin(t/2) / t
    double a_slope, b_slope, half_slope;
    double cosine;  // of t/2
};

Coefficients coefficients(const double* v) {
    double tt = v[0] * v[0] + v[1] * v[1] + v[2] * v[2], t = std::sqrt(tt);
    Coefficients c;
    c.cosine = std::cos(t / 2);
    if (t < 1e-3) {
        c.a = 1 - tt / 6, c.b = 0.5 - tt / 24, c.half = 0.5 - tt / 48;
        c.a_slope = -1.0 / 3 + tt / 30, c.b_slope = -1.0 / 12 + tt / 180, c.half_slope = -1.0 / 24 + tt / 960;
        return c;
    }
    c.a = std::sin(t) / t, c.b = (1 - std::cos(t)) / tt, c.half = std::sin(t / 2) / t;
    c.a_slope = (std::cos(t) - c.a) / tt, c.b_slope = (c.a - 2 * c.b) / tt;
    c.half_slope = (c.cosine / 2 - c.half) / tt;
    return c;
}

void cross_matrix(const double* v, double* k) {
    const double m[9] = {0, -v[2], v[1], v[2], 0, -v[0], -v[1], v[0], 0};
    std::memcpy(k, m, sizeof m);
}

void multiply(const double* a, const double* b, double* out) {
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            out[i * 3 + j] = 0;
            for (int k = 0; k < 3; k++) out[i * 3 + j] += a[i * 3 + k] * b[k * 3 + j];
        }
}

void rotation_vector(const talker_neck& n, double* v) {
    for (int i = 0; i < 3; i++) v[i] = static_cast<double>(n.turn_scale) * n.body[i];
}

// The body's centre at rest, in the camera; and the rest pose's translation from there.
void centre_at_rest(const talker_neck& n, double* centre, double* arm) {
    for (int i = 0; i < 3; i++) {
        double t = n.rest_pose[i * 4 + 3];
        centre[i] = t;
        for (int k = 0; k < 3; k++) centre[i] += static_cast<double>(n.rest_pose[i * 4 + k]) * n.centre[k];
        arm[i] = t - centre[i];
    }
}

}  // namespace

Motion body_motion(const talker_neck& n) {
    double v[3], k[9], kk[9], rotation[9], centre[3], arm[3];
    rotation_vector(n, v);
    Coefficients c = coefficients(v);
    cross_matrix(v, k);
    multiply(k, k, kk);
    for (int i = 0; i < 9; i++) rotation[i] = (i % 4 == 0) + c.a * k[i] + c.b * kk[i];
    centre_at_rest(n, centre, arm);
    Motion m;
    for (int i = 0; i < 3; i++) {
        double moved = centre[i] + n.body[3 + i];
        for (int j = 0; j < 3; j++) {
            moved += rotation[i * 3 + j] * arm[j];
            double sum = 0;
            for (int l = 0; l < 3; l++) sum += rotation[i * 3 + l] * n.rest_pose[l * 4 + j];
            m.rotation[i * 3 + j] = static_cast<float>(sum);
        }
        m.translation[i] = static_cast<float>(moved);
    }
    const double q[4] = {c.cosine, c.half * v[0], c.half * v[1], c.half * v[2]};
    const float* r = n.rest_rotation;
    m.quaternion[0] = static_cast<float>(q[0] * r[0] - q[1] * r[1] - q[2] * r[2] - q[3] * r[3]);
    m.quaternion[1] = static_cast<float>(q[0] * r[1] + q[1] * r[0] + q[2] * r[3] - q[3] * r[2]);
    m.quaternion[2] = static_cast<float>(q[0] * r[2] - q[1] * r[3] + q[2] * r[0] + q[3] * r[1]);
    m.quaternion[3] = static_cast<float>(q[0] * r[3] + q[1] * r[2] - q[2] * r[1] + q[3] * r[0]);
    return m;
}

void body_motion_backward(const talker_neck& n, const double* by_motion, float* by_body) {
    double v[3], k[9], kk[9], centre[3], arm[3], by_rotation[9];
    rotation_vector(n, v);
    Coefficients c = coefficients(v);
    cross_matrix(v, k);
    multiply(k, k, kk);
    centre_at_rest(n, centre, arm);
    const double* by_translation = by_motion + 9;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            by_rotation[i * 3 + j] = by_translation[i] * arm[j];
            for (int l = 0; l < 3; l++) by_rotation[i * 3 + j] += by_motion[i * 3 + l] * n.rest_pose[j * 4 + l];
        }
    // By the turn's own quaternion: the gradient times the rest rotation's conjugate.
    const double* g = by_motion + 12;
    const float* r = n.rest_rotation;
    const double by_q[4] = {
        g[0] * r[0] + g[1] * r[1] + g[2] * r[2] + g[3] * r[3], -g[0] * r[1] + g[1] * r[0] - g[2] * r[3] + g[3] * r[2],
        -g[0] * r[2] + g[1] * r[3] + g[2] * r[0] - g[3] * r[1], -g[0] * r[3] - g[1] * r[2] + g[2] * r[1] + g[3] * r[0]};
    double along_k = 0, along_kk = 0;
    for (int i = 0; i < 9; i++) along_k += by_rotation[i] * k[i], along_kk += by_rotation[i] * kk[i];
    double along_v = by_q[1] * v[0] + by_q[2] * v[1] + by_q[3] * v[2];
    for (int axis = 0; axis < 3; axis++) {
        double unit[3] = {}, e[9], ek[9], ke[9];
        unit[axis] = 1;
        cross_matrix(unit, e);
        multiply(e, k, ek), multiply(k, e, ke);
        double sum = (c.a_slope * along_k + c.b_slope * along_kk + c.half_slope * along_v) * v[axis];
        for (int i = 0; i < 9; i++) sum += by_rotation[i] * (c.a * e[i] + c.b * (ek[i] + ke[i]));
        sum += c.half * by_q[1 + axis] - 0.5 * c.half * v[axis] * by_q[0];
        by_body[axis] = static_cast<float>(sum * n.turn_scale);
        by_body[3 + axis] = static_cast<float>(by_translation[axis]);
    }
}

}  // namespace talker
