using System.Text.Json;

namespace AiChat.Providers.OpenAi;

internal static class OpenAiChoice
{
    /// <summary>
    /// Choices that were not asked for are ignored, so that they do not mix into one text. Choices that were asked for count as one answer.
    /// </summary>
    public static bool IsOther(Utf8JsonReader reader)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var index = reader.ValueTextEquals("index"u8);
            reader.Read();
            if (index)
            {
                return reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out var value) && value != 0;
            }

            reader.Skip();
        }

        return false;
    }
}
