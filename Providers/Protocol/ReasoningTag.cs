using System.Buffers;
using System.Runtime.CompilerServices;

namespace AiChat.Providers.Protocol;

/// <summary>A pair of tags around reasoning inside a model's text.</summary>
internal sealed record ReasoningTag(string Open, string Close)
{
    /// <summary>
    /// The pairs of the models that write reasoning into their text (vLLM: "Reasoning outputs", and the models' own cards).
    /// </summary>
    public static readonly IReadOnlyList<ReasoningTag> Defaults =
    [
        new("<think>", "</think>") { Stands = true }, new("<thinking>", "</thinking>") { Stands = true },
        new("<reason>", "</reason>") { Stands = true }, new("<reasoning>", "</reasoning>") { Stands = true },
        new("<thought>", "</thought>") { Stands = true }, new("<Thought>", "</Thought>") { Stands = true },
        new("<thoughts>", "</thoughts>") { Stands = true }, new("<|begin_of_thought|>", "<|end_of_thought|>") { Stands = true },
        new("◁think▷", "◁/think▷") { Stands = true }, new("[THINK]", "[/THINK]") { Stands = true },
        new("<seed:think>", "</seed:think>") { Stands = true }, new("<mm:think>", "</mm:think>") { Stands = true },
        new("<longcat_think>", "</longcat_think>") { Stands = true }, new("<|START_THINKING|>", "<|END_THINKING|>") { Stands = true },
        new("<|inner_prefix|>", "<|inner_suffix|>") { Stands = true }, new("<unused94>thought", "<unused95>") { Stands = true },
        new("<|channel>thought", "<channel|>") { Stands = true },
        new("<|channel|>analysis<|message|>", "<|end|>") { Stands = true, Channel = true },
        new("<|start|>assistant<|channel|>analysis<|message|>", "<|end|>") { Stands = true, Channel = true },
        new("<|start|>assistant<|channel|>commentary<|message|>", "") { Channel = true },
        new("<|channel|>commentary<|message|>", "") { Channel = true },
        new("<|start|>assistant<|channel|>final<|message|>", "") { Channel = true },
        new("<|channel|>final<|message|>", "") { Channel = true }, new("<|return|>", "") { Channel = true },
        new("<|end|>", "") { Channel = true }, new("<|START_RESPONSE|>", "") { Channel = true },
        new("<|END_RESPONSE|>", "") { Channel = true },
    ];

    private static readonly ConditionalWeakTable<IReadOnlyList<ReasoningTag>, SearchValues<char>> Known = [];

    /// <summary>
    /// Counts only where it stands at the beginning of the answer or of a line. A pair that the administrator entered counts anywhere
    /// outside code.
    /// </summary>
    public bool Stands { get; init; }

    /// <summary>
    /// Of a format with channels (OpenAI's harmony). Its marks without a closing one are dropped from the text, at the beginning of the
    /// answer and after a pair of this format.
    /// </summary>
    public bool Channel { get; init; }

    /// <summary>Only dropped; nothing follows that belongs to it.</summary>
    public bool IsMark => Close.Length == 0;

    /// <summary>The characters that a reader of text with these tags has to look at.</summary>
    public static SearchValues<char> FirstsOf(IReadOnlyList<ReasoningTag> tags) => Known.GetValue(tags, static list =>
        SearchValues.Create(string.Concat(list.SelectMany(tag => tag.Open[..1] + (tag.IsMark ? "" : tag.Close[..1]))) + CodePlaces.Marks));
}
