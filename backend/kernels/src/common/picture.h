// Pictures, one plane a channel.
#pragma once

#include "api.h"

namespace talker {

using Plane = talker_plane;

constexpr int kColours = 3;

}  // namespace talker
