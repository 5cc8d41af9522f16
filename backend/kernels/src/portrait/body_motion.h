// A body's rigid motion from the six numbers that drive it, and the gradient of that.
#pragma once

#include "api.h"
#include "portrait/pose.h"

namespace talker {

// The motion of points at rest into the camera, when the body turns by the rotation vector body[0..2] * turn_scale
// about its centre, and shifts by body[3..5].
Motion body_motion(const talker_neck&);

// by_body (6) from the gradients by rotation (9), translation (3) and quaternion (4) of that motion.
void body_motion_backward(const talker_neck&, const double* by_motion, float* by_body);

}  // namespace talker
