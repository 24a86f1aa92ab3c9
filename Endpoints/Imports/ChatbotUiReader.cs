using AiChat.Data.Imports;

namespace AiChat.Endpoints.Imports;

/// <summary>Chats of Chatbot UI's first version and of programs that took over its form: a list of messages with roles.</summary>
internal sealed class ChatbotUiReader : IChatReader
{
    public string Source => "chatbotui";

    public bool Knows(JsonValue value) => value["messages"].IsList && value["name"].IsText
        && value["messages"].Items.All(message => message["role"].IsText);

    public ImportedChat? Read(JsonValue value, IChatFiles files)
    {
        var messages = new List<ImportedMessage>();
        foreach (var message in value["messages"].Items.Where(message => message["role"].Text is "user" or "assistant"))
        {
            var text = files.Text(value["model"]["id"].Text ?? value["model"].Text);
            DetailsText.Write(message["content"].Text ?? "", text);
            messages.Add(text.Message($"message-{messages.Count}", messages.LastOrDefault()?.Key, message["role"].Text!,
                message["createdAt"].Time));
        }

        return ReadChat.Finish(new ImportedChat
        {
            Source = Source,
            Key = value["id"].Text ?? "",
            Title = value["name"].Text ?? "",
            SystemPrompt = value["prompt"].Text,
            Messages = messages,
        });
    }
}
