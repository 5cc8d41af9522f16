// SPDX-License-Identifier: GPL-3.0-or-later
// A job type of Flamenco: heads of several subjects, trained a task each.
// It goes into the manager's folder `scripts`.

const JOB_TYPE = {
    label: "Talking head: training",
    description: "Train the heads of several subjects",
    settings: [
        { key: "subjects", type: "string", required: true,
          description: "The subjects' folders, as a JSON list of texts" },
        { key: "options", type: "string", default: "[]", visible: "web",
          description: "More options of talker train, as a JSON list of texts" },
        { key: "talker", type: "string", default: "talker", visible: "web",
          description: "The command on the workers" },
    ],
};

function compileJob(job) {
    const settings = job.settings;
    for (const subject of JSON.parse(settings.subjects)) {
        const training = author.Task("train " + subject, "misc");
        training.addCommand(author.Command("exec", {
            exe: settings.talker,
            args: ["train", "--subject", subject, "--set", "start=auto"].concat(JSON.parse(settings.options)),
        }));
        job.addTask(training);
    }
}
