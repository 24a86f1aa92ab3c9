using System.Text.Json;
using AiChat.Providers.Protocol;

namespace AiChat.Providers.OpenAi;

/// <summary>
/// Reads the lists of pages beside the choices: Perplexity's <c>citations</c> and <c>search_results</c>, Zhipu's <c>web_search</c>,
/// Volcengine's <c>references</c>, and the <c>search_info</c> of Qwen and Hunyuan, which has its list inside.
/// Perplexity repeats them in every frame, so a list as long as the last one is taken for the same.
/// </summary>
internal struct OpenAiSources
{
    private long _citations;
    private long _results;

    /// <summary>Reads one list; the reader stands on its name and is left on its end.</summary>
    public void Read(ref Utf8JsonReader reader, DeltaWriter output)
    {
        ref var last = ref _results;
        if (reader.ValueTextEquals("citations"u8))
        {
            last = ref _citations;
        }

        reader.Read();
        var begin = reader.TokenStartIndex;
        var list = reader;
        reader.Skip();
        var length = reader.TokenStartIndex - begin;
        if (length != last)
        {
            last = length;
            using var document = JsonDocument.ParseValue(ref list);
            var pages = document.RootElement;
            AnswerPartReader.Numbered(output, pages.ValueKind == JsonValueKind.Object ? pages.Child("search_results") : pages);
        }
    }

    /// <summary>
    /// Whether a member of a message or of a piece of it tells of pages: annotations, Exa's <c>citations</c>, the <c>context</c> of Azure
    /// OpenAI "on your data", and the <c>executed_tools</c> of Groq's Compound.
    /// </summary>
    public static bool IsInMessage(ref Utf8JsonReader reader) =>
        reader.ValueTextEquals("annotations"u8) || reader.ValueTextEquals("citations"u8) || reader.ValueTextEquals("context"u8)
        || reader.ValueTextEquals("executed_tools"u8);

    /// <summary>Reads one of them; the reader stands on its name and is left on its end.</summary>
    public static void ReadInMessage(ref Utf8JsonReader reader, DeltaWriter output)
    {
        var isTools = reader.ValueTextEquals("executed_tools"u8);
        var isAnnotations = reader.ValueTextEquals("annotations"u8);
        reader.Read();
        using var document = JsonDocument.ParseValue(ref reader);
        var list = document.RootElement;
        if (isAnnotations)
        {
            AnswerPartReader.Annotations(output, list);
        }
        else if (!isTools)
        {
            AnswerPartReader.Numbered(output, list.ValueKind == JsonValueKind.Object ? list.Child("citations") : list);
        }
        else
        {
            foreach (var tool in list.ValueKind == JsonValueKind.Array ? list.EnumerateArray() : default)
            {
                AnswerPartReader.Numbered(output, tool.Child("search_results").Child("results"));
            }
        }
    }

    /// <summary>Whether a member of a frame is such a list.</summary>
    public static bool IsNamed(ref Utf8JsonReader reader) =>
        reader.ValueTextEquals("citations"u8) || reader.ValueTextEquals("search_results"u8) || reader.ValueTextEquals("web_search"u8)
        || reader.ValueTextEquals("references"u8) || reader.ValueTextEquals("search_info"u8);
}
