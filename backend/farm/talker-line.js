// SPDX-License-Identifier: GPL-3.0-or-later
// A job type of Flamenco: one line of dialogue, rendered in chunks of frames, and the take that is made of them.
// It goes into the manager's folder `scripts`.

const JOB_TYPE = {
    label: "Talking head: a line",
    description: "Render a line of dialogue of a trained head",
    settings: [
        { key: "subject", type: "string", subtype: "dir_path", required: true,
          description: "The subject's folder" },
        { key: "audio", type: "string", subtype: "file_path", required: true,
          description: "The line's sound" },
        { key: "take", type: "string", subtype: "dir_path", required: true,
          description: "The folder that the take is rendered into" },
        { key: "frames", type: "string", required: true,
          description: "Frames of the take, such as 1-500" },
        { key: "chunk_size", type: "int32", default: 50,
          description: "Frames of a task" },
        { key: "options", type: "string", default: "[]", visible: "web",
          description: "More options of talker chunk, as a JSON list of texts" },
        { key: "join_options", type: "string", default: "[]", visible: "web",
          description: "More options of talker join, as a JSON list of texts" },
        { key: "talker", type: "string", default: "talker", visible: "web",
          description: "The command on the workers" },
    ],
};

function compileJob(job) {
    const settings = job.settings;
    const inputs = ["--subject", settings.subject, "--audio", settings.audio];
    const joining = author.Task("join", "misc");
    joining.addCommand(author.Command("exec", {
        exe: settings.talker,
        args: ["join", settings.take].concat(inputs, ["--frames", settings.frames], JSON.parse(settings.join_options)),
    }));
    for (const chunk of frameChunker(settings.frames, settings.chunk_size)) {
        const drawing = author.Task("render " + chunk, "misc");
        drawing.addCommand(author.Command("exec", {
            exe: settings.talker,
            args: ["chunk"].concat(inputs, ["--out", settings.take, "--frames", chunk], JSON.parse(settings.options)),
        }));
        job.addTask(drawing);
        joining.addDependency(drawing);
    }
    job.addTask(joining);
}
