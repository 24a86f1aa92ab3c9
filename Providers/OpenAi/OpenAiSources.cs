using System.Text.Json;
using AiChat.Providers.Protocol;

namespace AiChat.Providers.OpenAi;

/// <summary>
/// Reads the lists of pages beside the choices: Perplexity's <c>citations</c> and <c>search_results</c>, Zhipu's <c>web_search</c>.
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
            AnswerPartReader.Numbered(output, document.RootElement);
        }
    }
}
